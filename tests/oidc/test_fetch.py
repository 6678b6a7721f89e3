"""Rows C6 and C8 of the security checklist: whatever answers, one look is short, small and harmless."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
import trio
import trustme

from krt.errors import SettingsInvalid
from krt.oidc.fetch import fetcher
from krt.oidc.keyset import KeySet, KeySetInvalid
from tests.fakes.key_endpoint import (
    Answer,
    KeyEndpoint,
    answering,
    gzipped,
    hanging_up,
    key_endpoint,
    repeating,
    saying,
    silence,
)
from tests.fakes.pace import slack
from tests.oidc.tokens import KID, key_set_body

PATH = "/.well-known/jwks"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


async def fetched(url: str, *, proxy: str | None = None, ca_file: Path | None = None, seconds: float = 5) -> KeySet:
    with trio.fail_after(seconds + slack(1)):  # a look that outlives its deadline is a failure of its own kind
        return await fetcher(url + PATH, proxy=proxy, ca_file=ca_file, deadline_seconds=seconds)()


async def reason_of(url: str, *, ca_file: Path | None = None, seconds: float = 5) -> str:
    with pytest.raises(KeySetInvalid) as caught:
        await fetched(url, ca_file=ca_file, seconds=seconds)
    return caught.value.reason


async def test_one_plain_request_fetches_the_keys() -> None:
    async with key_endpoint(answering(key_set_body())) as endpoint:
        assert set((await fetched(endpoint.url)).keys) == {KID}
    (request,) = endpoint.requests
    assert request.startswith(b"GET /.well-known/jwks HTTP/1.1\r\n")
    assert b"accept-encoding: identity\r\n" in request.lower()
    assert b"cookie" not in request.lower()
    assert b"authorization" not in request.lower()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answering(b"oops", status="500 Internal Server Error"), "status"),
        (answering(key_set_body(), status="201 Created"), "status"),
        (answering(key_set_body(), status="206 Partial Content"), "status"),
        (answering(key_set_body(), status="404 Not Found"), "status"),
        (answering(b"", status="204 No Content"), "status"),
        (answering(b"<html>"), "not_json"),
        (answering(b""), "not_json"),
        (answering(b"\xff\xfe"), "not_json"),
        (answering(b"[" * 200_000), "not_json"),
        (answering(b"[]"), "not_a_key_set"),
        (answering(b'{"keys":[]}'), "no_usable_key"),
        (answering(key_set_body() + b" " * 262_144), "too_long"),
        (gzipped(key_set_body()), "encoded"),
        (gzipped(b" " * 50_000_000), "encoded"),
        (answering(key_set_body(), headers="content-encoding: br\r\n"), "encoded"),
        (repeating(OK + b"content-length: 80000000\r\n\r\n", b"x" * 65536), "too_long"),
        (repeating(CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"), "too_long"),
        (repeating(OK, b"a: " + b"b" * 1000 + b"\r\n"), "connection"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), "connection"),
        (saying(b""), "connection"),
        (saying(OK + b"content-length: 100\r\n\r\n{"), "connection"),
        (saying(OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n{}"), "connection"),
        (saying(CHUNKED + b"zz\r\n"), "connection"),
        (saying(b"HTTP/1.1 302 Found\r\nlocation: http://[\r\n\r\n"), "status"),
        (hanging_up, "connection"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_anything_but_a_key_set_fails_with_its_reason(answer: Answer, reason: str) -> None:
    async with key_endpoint(answer) as endpoint:
        assert await reason_of(endpoint.url) == reason
    assert endpoint.looks == 1


@pytest.mark.parametrize(
    "answer",
    [
        silence,
        repeating(b"", b"H", pause_seconds=0.02),
        repeating(OK, b"a: b\r\n", pause_seconds=0.02),
        repeating(OK + b"content-length: 1000\r\n\r\n", b" ", pause_seconds=0.02),
        repeating(CHUNKED, b"1\r\n \r\n", pause_seconds=0.02),
        repeating(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", pause_seconds=0.02),
    ],
)
async def test_the_deadline_is_for_the_whole_look_however_slowly_bytes_come(answer: Answer) -> None:
    async with key_endpoint(answer) as endpoint:
        assert await reason_of(endpoint.url, seconds=0.15) == "too_slow"


async def test_nobody_listening_is_a_failure_too() -> None:
    async with key_endpoint(silence) as endpoint:
        pass
    assert await reason_of(endpoint.url) == "connection"


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(status: str) -> None:
    async with key_endpoint(answering(key_set_body())) as elsewhere:
        moved = answering(b"", status=status, headers=f"location: {elsewhere.url}{PATH}\r\n")
        async with key_endpoint(moved) as endpoint:
            assert await reason_of(endpoint.url) == "status"
    assert elsewhere.looks == 0


ELSEWHERE = "http://issuer.example"  # no such name: whoever asks for its address fails


async def test_the_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with key_endpoint(answering(key_set_body())) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert await fetched(ELSEWHERE)
    assert proxy.requests[0].startswith(b"GET http://issuer.example/.well-known/jwks HTTP/1.1\r\n")


async def test_no_proxy_of_the_environment_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with key_endpoint(hanging_up) as elsewhere, key_endpoint(answering(key_set_body())) as endpoint:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, elsewhere.url)
        assert await fetched(endpoint.url)
    assert elsewhere.looks == 0


async def test_the_proxy_of_the_settings_is_asked_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    async with key_endpoint(answering(key_set_body())) as proxy:
        assert await fetched(ELSEWHERE, proxy=proxy.url)


def test_a_proxy_of_the_environment_that_cannot_be_used_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://krt:s3cret@proxy:1080")
    with pytest.raises(SettingsInvalid, match=r"HTTPS_PROXY .* names a SOCKS proxy") as refused:
        fetcher("https://issuer.example" + PATH, proxy=None, ca_file=None)
    assert "s3cret" not in str(refused.value)
    monkeypatch.setenv("NO_PROXY", ".example")
    fetcher("https://issuer.example" + PATH, proxy=None, ca_file=None)


async def test_the_proxy_of_the_settings_is_asked() -> None:
    async with key_endpoint(answering(key_set_body())) as proxy:
        assert await fetched("http://localhost:9", proxy=proxy.url.replace("//", "//user:pass@"))
    assert proxy.requests[0].startswith(b"GET http://localhost:9/.well-known/jwks HTTP/1.1\r\n")
    assert b"proxy-authorization: basic dxnlcjpwyxnz" in proxy.requests[0].lower()


# TLS


def served_by(authority: trustme.CA, *names: str, not_after: dt.datetime | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, not_after=not_after).configure_cert(context)
    return context


def file_of(authority: trustme.CA, directory: Path) -> Path:
    path = directory / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


def secure(endpoint: KeyEndpoint) -> str:
    return endpoint.url.replace("http:", "https:")


async def test_the_authorities_of_the_settings_are_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    async with key_endpoint(answering(key_set_body()), served_by(authority, "127.0.0.1")) as endpoint:
        assert await fetched(secure(endpoint), ca_file=file_of(authority, tmp_path))


async def test_a_certificate_of_nobody_known_is_refused(tmp_path: Path) -> None:
    async with key_endpoint(answering(key_set_body()), served_by(trustme.CA(), "127.0.0.1")) as endpoint:
        assert await reason_of(secure(endpoint)) == "connection"
        assert await reason_of(secure(endpoint), ca_file=file_of(trustme.CA(), tmp_path)) == "connection"
    assert endpoint.requests == [b"", b""]


@pytest.mark.parametrize(
    ("names", "not_after"),
    [
        (["issuer.example"], None),  # also what a name that suddenly points into this network would get
        (["127.0.0.2"], None),
        (["127.0.0.1"], dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
    ],
)
async def test_a_certificate_of_another_host_or_time_is_refused(
    tmp_path: Path, names: list[str], not_after: dt.datetime | None
) -> None:
    authority = trustme.CA()
    tls = served_by(authority, *names, not_after=not_after)
    async with key_endpoint(answering(key_set_body()), tls) as endpoint:
        assert await reason_of(secure(endpoint), ca_file=file_of(authority, tmp_path)) == "connection"
    assert endpoint.requests == [b""]


async def test_a_handshake_that_never_ends_is_cut(tmp_path: Path) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"https://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    async with listeners[0]:
        assert await reason_of(url, seconds=0.15) == "too_slow"


def test_a_file_without_authorities_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("empty.pem", "absent.pem"):
        with pytest.raises(ValueError, match=name):
            fetcher("https://issuer.example" + PATH, proxy=None, ca_file=tmp_path / name)
