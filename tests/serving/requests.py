"""The transport's rows of the attack table, as bytes, and what is answered to each."""

from tests.serving.raw import GOOD

H = b"Host: krt.example\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
# HEADERS on stream 1, END_HEADERS: :method POST, :scheme http, :path /, :authority a
H2_POST = b"\x00\x00\x06\x01\x04\x00\x00\x00\x01\x83\x86\x84\x41\x01a"
H2_DATA = b"\x00\x00\x01\x00\x00\x00\x00\x00\x01x"

WEBSOCKET = (
    b"GET /ok HTTP/1.1\r\n" + H + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
H2C = b"GET /ok HTTP/1.1\r\n" + H + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
THREE = (b"Content-Length: 3",)


def head(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([line, *fields]) + b"\r\n\r\n"


def post(*fields: bytes, path: bytes = b"/read", body: bytes = b"") -> bytes:
    return head(b"POST %b HTTP/1.1" % path, b"Host: krt.example", *fields) + body


def get(*fields: bytes, target: bytes = b"/ok", version: bytes = b"HTTP/1.1") -> bytes:
    return head(b"GET %b %b" % (target, version), b"Host: krt.example", *fields)


def priority_frames(count: int) -> bytes:
    return b"".join(b"\x00\x00\x05\x02\x00" + (2 * i + 1).to_bytes(4) + b"\x00\x00\x00\x00\x10" for i in range(count))


def reset_frames(count: int) -> bytes:
    return b"".join(
        b"\x00\x00\x06\x01\x05" + n + b"\x82\x86\x84\x41\x01a" + b"\x00\x00\x04\x03\x00" + n + b"\x00\x00\x00\x08"
        for n in ((2 * i + 1).to_bytes(4) for i in range(count))
    )


CONTINUATION = b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82" + b"\x00\x00\x01\x09\x00\x00\x00\x00\x01\x82" * 5000
PING = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)

REFUSED = {
    # A2
    "HTTP/2": (PREFACE, 400),
    "HTTP/2: POST and data": (PREFACE + SETTINGS + H2_POST + H2_DATA, 400),
    "HTTP/2: rapid reset": (PREFACE + SETTINGS + reset_frames(3000), 400),
    "HTTP/2: continuation flood": (PREFACE + SETTINGS + CONTINUATION, 400),
    "HTTP/2: priority flood": (PREFACE + SETTINGS + priority_frames(1001), 400),
    "HTTP/2: settings flood": (PREFACE + SETTINGS * 5000, 400),
    "HTTP/2: ping flood": (PREFACE + SETTINGS + PING * 5000, 400),
    "HTTP/2: path beyond ASCII": (
        PREFACE + SETTINGS + b"\x00\x00\x07\x01\x05\x00\x00\x00\x01\x82\x86\x04\x03/\xff\xff",
        400,
    ),
    "HTTP/2 without the preface's target": (b"PRI / HTTP/2.0\r\n\r\n", 400),
    "HTTP/2 frames without the preface": (SETTINGS, 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    # A4
    "length and chunked": (post(b"Content-Length: 3", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    "chunked and length": (post(b"Transfer-Encoding: chunked", b"Content-Length: 3", body=b"0\r\n\r\n"), 400),
    # A5
    "two lengths that differ": (post(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"), 400),
    "two lengths that agree": (post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"), 400),
    "a list of lengths": (post(b"Content-Length: 3, 3", body=b"abc"), 400),
    "a signed length": (post(b"Content-Length: +4", body=b"abcd"), 400),
    "a negative length": (post(b"Content-Length: -4", body=b"abcd"), 400),
    "a hexadecimal length": (post(b"Content-Length: 0x4", body=b"abcd"), 400),
    "a length with an underscore": (post(b"Content-Length: 1_0", body=b"abcd"), 400),
    "an empty length": (post(b"Content-Length:", body=b"abcd"), 400),
    "a length beyond 64 bits": (post(b"Content-Length: 99999999999999999999"), 400),
    "gzip, chunked": (post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501),
    "xchunked": (post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), 501),
    "chunked twice": (
        post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
        501,
    ),
    "identity": (post(b"Transfer-Encoding: identity"), 501),
    "a tab in the coding": (post(b"Transfer-Encoding: \tchunked\x0b", body=b"0\r\n\r\n"), 400),
    "chunked in HTTP/1.0": (head(b"POST /read HTTP/1.0", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "a bad chunk size": (post(b"Transfer-Encoding: chunked", body=b"zz\r\nab\r\n0\r\n\r\n"), 400),
    "a chunk without its end": (post(b"Transfer-Encoding: chunked", body=b"2\r\nabcd0\r\n\r\n"), 400),
    "a chunk size of 21 digits": (post(b"Transfer-Encoding: chunked", body=b"0" * 21 + b"\r\n\r\n"), 400),
    "a chunk extension without end": (post(b"Transfer-Encoding: chunked", body=b"2;" + b"x" * 20_000), 431),
    "white space before a colon": (get(b"X-A : b"), 400),
    "a header without a colon": (get(b"nothing"), 400),
    "a header without a name": (get(b": b"), 400),
    "NUL in a header": (get(b"X-A: a\x00b"), 400),
    "a control character in a header": (get(b"X-A: a\x1b[2J"), 400),
    "a bare carriage return in a header": (get(b"X-A: a\rX-B: b"), 400),
    "two Hosts": (get(b"Host: other"), 400),
    "no Host": (head(b"GET /ok HTTP/1.1"), 400),
    "a Host that is none": (head(b"GET /ok HTTP/1.1", b"Host: ["), 400),
    "a Host with a path": (head(b"GET /ok HTTP/1.1", b"Host: a/b"), 400),
    "a Host with an empty label": (head(b"GET /ok HTTP/1.1", b"Host: krt..example"), 400),
    "a Host of a dot": (head(b"GET /ok HTTP/1.1", b"Host: ."), 400),
    "a Host with a long label": (head(b"GET /ok HTTP/1.1", b"Host: " + 64 * b"a"), 400),
    "a Host with a user": (head(b"GET /ok HTTP/1.1", b"Host: a@b"), 400),
    # A6
    "bare line feeds": (GOOD.replace(b"\r", b""), 400),
    "one bare line feed": (b"GET /ok HTTP/1.1\nHost: krt.example\r\n\r\n", 400),
    "a folded line": (get(b"X-A: a", b" b"), 400),
    "a folded first line": (head(b"GET /ok HTTP/1.1", b" folded", b"Host: krt.example"), 400),
    "HTTP/9.9": (get(version=b"HTTP/9.9"), 400),
    "HTTP/1.2": (get(version=b"HTTP/1.2"), 400),
    "HTTP/2 in the request line": (get(version=b"HTTP/2"), 400),
    "http/1.1": (get(version=b"http/1.1"), 400),
    "HTTP/0.9": (b"GET /ok\r\n\r\n", 400),
    # A7
    "an absolute target of another host": (get(target=b"http://other.example/ok"), 400),
    "an absolute target of another port": (get(target=b"http://krt.example:81/ok"), 400),
    "an absolute target with a user": (get(target=b"http://a@krt.example/ok"), 400),
    "an absolute target of another scheme": (get(target=b"ftp://krt.example/ok"), 400),
    "an absolute target in HTTP/1.0 without Host": (b"GET http://krt.example/ok HTTP/1.0\r\n\r\n", 400),
    "half an absolute target": (get(target=b"http://["), 400),
    "a target without a path": (get(target=b"?x"), 400),
    "the asterisk": (head(b"OPTIONS * HTTP/1.1", b"Host: krt.example"), 400),
    "CONNECT": (head(b"CONNECT krt.example:443 HTTP/1.1", b"Host: krt.example"), 400),
    "CONNECT with a path": (head(b"CONNECT /ok HTTP/1.1", b"Host: krt.example"), 400),
    "TRACE": (head(b"TRACE /ok HTTP/1.1", b"Host: krt.example"), 400),
    "PRI": (head(b"PRI * HTTP/1.1", b"Host: krt.example"), 400),
    "a method in lower case": (head(b"get /ok HTTP/1.1", b"Host: krt.example"), 400),
    "a method that is no token": (head(b"G(T /ok HTTP/1.1", b"Host: krt.example"), 400),
    "a target beyond ASCII": (get(target=b"/\xc3\xa9"), 400),
    "a space in the target": (get(target=b"/a b"), 400),
    "a control character in the target": (get(target=b"/\x7f"), 400),
    "two spaces": (b"GET  /ok HTTP/1.1\r\n" + H + b"\r\n", 400),
    "two empty lines first": (b"\r\n\r\n" + GOOD, 400),
    "a bare line feed first": (b"\n" + GOOD, 400),
    "a space first": (b" " + GOOD, 400),
    # A9
    "one header of 17 KB": (get(b"X-A: " + b"a" * 17_000), 431),
    "one header a byte too long": (get(b"X-A: " + b"a" * (12 * 1024 - 4)), 431),
    "headers a byte too long": (get(b"X-A: " + b"a" * 8000, b"X-A: " + b"a" * (16 * 1024 - 8052)), 431),
    "3000 small headers": (get(*[b"X-A: b"] * 3000), 431),
    "51 headers": (get(*[b"X-A: b"] * 50), 431),
    "17 KB of headers": (get(*[b"X-A: " + b"a" * 900] * 19), 431),
    "headers without end": (b"GET /ok HTTP/1.1\r\n" + b"X-A: b\r\n" * 9000, 431),
    "a header without end": (b"GET /ok HTTP/1.1\r\nX-A: " + b"b" * 70_000, 431),
    "a long target": (get(target=b"/" + b"a" * 9000), 414),
    "a target without end": (b"GET /" + b"a" * 70_000, 414),
    # A14
    "any Expect": (post(b"Expect: x", b"Content-Length: 3"), 417),
    "any Expect in HTTP/1.0": (head(b"POST /read HTTP/1.0", b"Expect: x"), 417),
    "another Expect beside it": (post(b"Expect: 100-continue, x", b"Content-Length: 3"), 417),
    "another Expect in a line of its own": (post(b"Expect: 100-continue", b"Expect: x", b"Content-Length: 3"), 417),
    "an Expect with a value": (post(b"Expect: 100-continue=1", b"Content-Length: 3"), 417),
    "an Expect that begins so": (post(b"Expect: 100-continued", b"Content-Length: 3"), 417),
    # A12
    "a declared body too large": (post(b"Content-Length: 99999999"), 413),
    "a body too large by one byte": (post(b"Content-Length: 8193", body=bytes(8193)), 413),
    "chunks beyond the limit": (
        post(
            b"Transfer-Encoding: chunked",
            body=b"1000\r\n" + bytes(4096) + b"\r\n" + b"1001\r\n" + bytes(4097) + b"\r\n",
        ),
        413,
    ),
    "tiny chunks beyond the limit": (post(b"Transfer-Encoding: chunked", body=b"1\r\na\r\n" * 8193), 413),
}

ACCEPTED = {
    "the least": (GOOD, 200, b"ok"),
    "HTTP/1.0 without Host": (b"GET /ok HTTP/1.0\r\n\r\n", 200, b"ok"),
    "an IPv6 Host": (head(b"GET /ok HTTP/1.1", b"Host: [::1]:8080"), 200, b"ok"),
    "an empty Host": (head(b"GET /ok HTTP/1.1", b"Host:"), 200, b"ok"),
    "HEAD": (head(b"HEAD /ok HTTP/1.1", b"Host: krt.example"), 200, b""),
    "50 headers": (get(*[b"X-A: b"] * 49), 200, b"ok"),
    "a header of 12 KiB": (get(b"X-A: " + b"a" * (12 * 1024 - 5)), 200, b"ok"),
    "headers of 16 KiB": (get(b"X-A: " + b"a" * 8000, b"X-A: " + b"a" * (16 * 1024 - 8053)), 200, b"ok"),
    "a header beyond ASCII": (get(b"X-A: \xe9"), 200, b"ok"),
    "a body of 8 KiB": (post(b"Content-Length: 8192", body=bytes(8192)), 200, b"8192"),
    "chunks of 8 KiB": (
        post(b"Transfer-Encoding: Chunked", body=b"2000\r\n" + bytes(8192) + b"\r\n0\r\n\r\n"),
        200,
        b"8192",
    ),
    "no body": (post(), 200, b"0"),
    "a body nobody asked for": (get(b"Content-Length: 3") + b"abc", 200, b"ok"),
    # A1, A3: an offer to upgrade is passed over (RFC 9110, 7.8)
    "websocket": (WEBSOCKET, 200, b"ok"),
    "websocket and one more byte": (WEBSOCKET + b"x", 200, b"ok"),
    "websocket with a bad key": (WEBSOCKET.replace(b"dGhl", b"????"), 200, b"ok"),
    "websocket in a POST": (WEBSOCKET.replace(b"GET", b"POST", 1), 200, b"ok"),
    "websocket in a POST with a body": (
        post(b"Connection: upgrade", b"Upgrade: websocket", *THREE, body=b"abc"),
        200,
        b"3",
    ),
    "h2c": (H2C + b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 200, b"ok"),
    "h2c without settings": (H2C + b"\r\n", 200, b"ok"),
    "h2c with bad settings": (H2C + b"HTTP2-Settings: =?=\r\n\r\n", 200, b"ok"),
    "h2c in a POST with a body": (
        post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", *THREE, body=b"abc"),
        200,
        b"3",
    ),
    "h2c in a POST with chunks": (
        post(b"Connection: Upgrade", b"Upgrade: h2c", b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
        200,
        b"3",
    ),
    "h2c and the preface at once": (H2C + b"\r\n" + PREFACE + SETTINGS, 200, b"ok"),
    "TLS by upgrade": (get(b"Connection: Upgrade", b"Upgrade: TLS/1.0, HTTP/1.1"), 200, b"ok"),
    "an upgrade without Connection": (get(b"Upgrade: h2c"), 200, b"ok"),
    "Connection without an upgrade": (get(b"Connection: Upgrade, close"), 200, b"ok"),
    "two upgrades in two lines": (get(b"Upgrade: h2c", b"Connection: upgrade", b"upgrade: websocket"), 200, b"ok"),
    "an empty upgrade": (get(b"Upgrade:"), 200, b"ok"),
    "an upgrade in HTTP/1.0": (head(b"GET /ok HTTP/1.0", b"Connection: upgrade", b"Upgrade: h2c"), 200, b"ok"),
    # A14: whoever has sent the body awaits no 100
    "Expect: 100-continue and the body": (post(b"Expect: 100-continue", *THREE, body=b"abc"), 200, b"3"),
    "Expect in other letters": (post(b"expect: 100-Continue", *THREE, body=b"abc"), 200, b"3"),
    "Expect: 100-continue without a body": (post(b"Expect: 100-continue"), 200, b"0"),
    "Expect: 100-continue in a GET": (get(b"Expect: 100-continue"), 200, b"ok"),
    "an empty Expect": (post(b"Expect:", *THREE, body=b"abc"), 200, b"3"),
    "Expect twice": (post(b"Expect: 100-continue", b"Expect: 100-continue", *THREE, body=b"abc"), 200, b"3"),
    "Expect in HTTP/1.0, which is passed over": (
        head(b"POST /read HTTP/1.0", b"Expect: 100-continue", *THREE) + b"abc",
        200,
        b"3",
    ),
    # RFC 9112, 2.2 and 3.2.2
    "an empty line first": (b"\r\n" + GOOD, 200, b"ok"),
    "an absolute target": (get(target=b"http://krt.example/ok"), 200, b"ok"),
    "an absolute target in other letters": (get(target=b"HTTP://KRT.Example/ok"), 200, b"ok"),
    "an absolute target of https": (get(target=b"https://krt.example/ok"), 200, b"ok"),
    "an absolute target with a port": (head(b"GET http://[::1]:80/ok HTTP/1.1", b"Host: [::1]:80"), 200, b"ok"),
    "an absolute target without a path": (get(target=b"http://krt.example"), 404, b"/"),
    "an absolute target with a query alone": (get(target=b"http://krt.example?a=/b"), 404, b"/"),
    # A8: what a path means is the app's business, and so it comes as it was sent
    "an escaped letter": (get(target=b"/%6fk"), 404, b"/%6fk"),
    "two slashes": (get(target=b"//ok"), 404, b"//ok"),
    "a slash at the end": (get(target=b"/ok/"), 404, b"/ok/"),
    "a parameter": (get(target=b"/ok;x"), 404, b"/ok;x"),
    "a query": (get(target=b"/nothing?x=%00"), 404, b"/nothing"),
    "escaped bytes": (get(target=b"/%ff%00"), 404, b"/%ff%00"),
    "dots": (get(target=b"/../ok"), 404, b"/../ok"),
}
