"""Which proxy is on the way: the forms of NO_PROXY that curl and Go take, and what is none of them."""

from ipaddress import IPv4Address, IPv6Address

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from krt.proxies import proxies_of, proxy_url

PROXY = "http://proxy.example:3128"


def proxy_of(url: str, **environ: str) -> str | None:
    return proxies_of(environ).of(httpx.URL(url))


def is_direct(no_proxy: str, host: str) -> bool:
    return proxy_of(f"https://{host}/", HTTPS_PROXY=PROXY, NO_PROXY=no_proxy) is None


DIRECT = [
    ("api.example.com", "api.example.com"),
    ("example.com", "api.example.com"),
    ("example.com", "example.com"),
    ("example.com.", "api.example.com"),
    ("example.com", "api.example.com."),
    ("EXAMPLE.com", "Api.Example.COM"),
    (".example.com", "api.example.com"),
    ("*.example.com", "api.example.com"),
    ("*.example.com", "a.b.example.com"),
    (".svc", "kubernetes.default.svc"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("example.com:443", "example.com"),
    ("example.com:6443", "example.com:6443"),
    ("10.96.0.1", "10.96.0.1"),
    ("10.96.0.1:443", "10.96.0.1"),
    ("10.96.0.0/12", "10.96.0.1:6443"),
    ("10.96.7.7/12", "10.96.0.1"),
    ("0.0.0.0/0", "192.0.2.1"),
    ("10.96.0.1/32", "10.96.0.1"),
    ("fd00::1", "[fd00::1]"),
    ("[fd00::1]", "[fd00::1]"),
    ("[fd00::1]:6443", "[fd00::1]:6443"),
    ("FD00:0:0::1", "[fd00::1]"),
    ("fd00::/8", "[fd12::1]:6443"),
    ("[fd00::]/8", "[fd12::1]"),
    ("::/0", "[2001:db8::1]"),
    ("10.0.0.0/8", "[::ffff:10.1.2.3]"),
    ("::ffff:10.0.0.0/104", "10.1.2.3"),
    ("::ffff:10.0.0.0/104", "[::ffff:10.1.2.3]"),
    ("[::ffff:a00:0]/104", "10.1.2.3"),
    ("::ffff:0:0/96", "192.0.2.1:6443"),
    ("::ffff:192.0.2.7/128", "192.0.2.7"),
    ("example.com:", "api.example.com:6443"),
    ("10.96.0.1:", "10.96.0.1:6443"),
    ("[fd00::1]:", "[fd00::1]:6443"),
    ("*", "anything.example"),
    ("a.example, *", "[2001:db8::1]"),
    (" a.example ,\tapi.example.com\n", "api.example.com"),
    ("a.example api.example.com", "api.example.com"),
    (",,a.example,,api.example.com,", "api.example.com"),
    ("[::1],fd00::/8,{},10.0.0.0/99,api.example.com", "api.example.com"),
    ("", "localhost:8443"),
    ("", "127.0.0.1:8443"),
    ("", "127.9.9.9"),
    ("", "[::1]:6443"),
    ("unrelated.example", "LOCALHOST"),
]
BY_PROXY = [
    ("", "api.example.com"),
    ("example.com", "notexample.com"),
    ("example.com", "example.com.evil.example"),
    (".example.com", "example.com"),
    ("*.example.com", "example.com"),
    ("example.com:6443", "example.com"),
    ("example.com:443", "example.com:6443"),
    ("10.96.0.1:6443", "10.96.0.1"),
    ("10.96.0.0/12", "10.112.0.1"),
    ("10.96.0.0/12", "[fd00::1]"),
    ("fd00::/8", "[fe00::1]"),
    ("fd00::/8", "10.0.0.1"),
    ("[fd00::1]:443", "[fd00::1]:6443"),
    ("::ffff:10.0.0.0/104", "11.0.0.1"),
    ("::ffff:10.0.0.0/8", "10.1.2.3"),
    ("::ffff:0:0/95", "10.1.2.3"),
    ("::/0", "10.1.2.3"),
    ("::ffff:0:0/96", "[fd00::1]"),
    ("10.0.0.0/8", "10.example"),
    ("10.96.0.1", "110.96.0.1"),
    ("1", "10.96.0.1"),
    ("*ample.com", "ample.com"),
]
NOT_UNDERSTOOD = [
    "[::1",
    "::1]",
    "[]",
    "[]:443",
    ":443",
    ".",
    "*.",
    "**",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8:443",
    "/8",
    "fd00::/129",
    "a/b/c",
    "http://example.org",
    "example.org:port",
    "example.org:99999999",
    "\x00\x7f",
    "[[[[",
    "xn--\xff",
    "%",
]


@pytest.mark.parametrize(("no_proxy", "host"), DIRECT)
def test_no_proxy_is_on_the_way(no_proxy: str, host: str) -> None:
    assert is_direct(no_proxy, host)


@pytest.mark.parametrize(("no_proxy", "host"), BY_PROXY)
def test_a_proxy_is_on_the_way(no_proxy: str, host: str) -> None:
    assert not is_direct(no_proxy, host)


@pytest.mark.parametrize("entry", NOT_UNDERSTOOD)
def test_an_entry_that_is_none_exempts_nothing_and_spoils_no_other(entry: str) -> None:
    assert not is_direct(entry, "api.example.com")
    assert is_direct(f"{entry},example.com", "api.example.com")
    assert is_direct(f"example.com {entry}", "api.example.com")


@given(st.text())
def test_no_text_ends_the_reading(text: str) -> None:
    assert proxy_of("https://api.example.com", HTTPS_PROXY=PROXY, NO_PROXY=text) in {None, f"{PROXY}/"}


@given(st.ip_addresses(), st.integers(min_value=0, max_value=32))
def test_an_address_is_in_its_own_networks(address: IPv4Address | IPv6Address, bits: int) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    assert is_direct(host, host)
    assume(not getattr(address, "ipv4_mapped", None))
    assert is_direct(f"{address}/{bits}", host)


@given(st.ip_addresses(v=4), st.integers(min_value=0, max_value=32))
def test_a_network_of_ipv4_within_ipv6_is_that_of_ipv4(address: IPv4Address, bits: int) -> None:
    """Seen to fail with such a network's bits counted from its IPv4 address on."""
    assert is_direct(f"::ffff:{address}/{96 + bits}", str(address))


VARIABLES = [
    ("https://a.example", {"HTTPS_PROXY": PROXY}, f"{PROXY}/"),
    ("https://a.example", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other"}, f"{PROXY}/"),
    ("https://a.example", {"https_proxy": " ", "HTTPS_PROXY": PROXY}, f"{PROXY}/"),
    ("https://a.example", {"ALL_PROXY": PROXY}, f"{PROXY}/"),
    ("https://a.example", {"all_proxy": PROXY}, f"{PROXY}/"),
    ("https://a.example", {"ALL_PROXY": "http://other", "HTTPS_PROXY": PROXY}, f"{PROXY}/"),
    ("https://a.example", {"HTTP_PROXY": PROXY}, None),
    ("http://a.example", {"HTTP_PROXY": PROXY}, f"{PROXY}/"),
    ("http://a.example", {"HTTPS_PROXY": PROXY}, None),
    ("http://a.example", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None),
    ("http://a.example", {"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, f"{PROXY}/"),
    ("https://a.example", {"HTTPS_PROXY": PROXY, "no_proxy": "a.example"}, None),
    ("https://a.example", {"HTTPS_PROXY": PROXY, "no_proxy": "", "NO_PROXY": "a.example"}, None),
    ("https://a.example", {"HTTPS_PROXY": "proxy.example:3128"}, f"{PROXY}/"),
    ("https://a.example", {"HTTPS_PROXY": "https://proxy.example"}, "https://proxy.example/"),
    ("https://a.example", {"HTTPS_PROXY": "http://krt:p%40ss@proxy.example"}, "http://krt:p%40ss@proxy.example/"),
    ("https://a.example", {}, None),
]


@pytest.mark.parametrize(("url", "environ", "proxy"), VARIABLES)
def test_the_variables_of_curl_and_go_are_read(url: str, environ: dict[str, str], proxy: str | None) -> None:
    assert proxy_of(url, **environ) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "socks5://krt:s3cret@proxy:1080",
        "socks://krt:s3cret@proxy",
        "ftp://krt:s3cret@proxy",
        "http://krt:s3cret@",
        "http://krt:s3cret@[::1",
        "http://krt:s3cret@proxy:port",
        "krt s3cret",
        "http://krt:s3cret@proxy\r\nx: y",
        "://s3cret",
    ],
)
def test_a_proxy_that_cannot_be_used_is_half_a_sentence_without_its_password(text: str) -> None:
    with pytest.raises(ValueError, match=r"proxy|SOCKS") as refused:
        proxy_url(text)
    assert "s3cret" not in str(refused.value)


def test_no_password_is_in_what_python_shows_of_the_rule() -> None:
    assert "s3cret" not in repr(proxies_of({"HTTPS_PROXY": "http://krt:s3cret@proxy"}))
