import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.serving.address import Address, parse_address

READ = {
    ":8080": Address("", 8080),
    ":0": Address("", 0),
    "127.0.0.1:0": Address("127.0.0.1", 0),
    "0.0.0.0:65535": Address("0.0.0.0", 65535),
    "[::1]:8080": Address("::1", 8080),
    "[0:0:0:0:0:0:0:1]:8080": Address("::1", 8080),
    "[fe80::1%eth0]:80": Address("fe80::1%eth0", 80),
    "localhost:8080": Address("localhost", 8080),
    "LocalHost:8080": Address("localhost", 8080),
    "krt-web.krt.svc:80": Address("krt-web.krt.svc", 80),
    "_krt:80": Address("_krt", 80),
    "1krt:80": Address("1krt", 80),
}
REFUSED = {
    "": "write host:port",
    "8080": "write host:port",
    "localhost": "write host:port",
    "localhost:": "write host:port",
    "localhost:http": "write host:port",
    "localhost:-1": "write host:port",
    "localhost:+80": "write host:port",
    "localhost:8_0": "write host:port",
    "localhost:٨٠": "write host:port",
    "localhost:80\n": "write host:port",
    "localhost:65536": "ports end at 65535",
    "localhost:123456": "write host:port",
    "http://localhost:80": "without a scheme",
    "http://[::1]:80": "without a scheme",
    "::1:8080": "in brackets",
    "::1": "in brackets",
    "[::1]": "write host:port",
    "[]:80": "not an IPv6 address",
    "[localhost]:80": "not an IPv6 address",
    "[127.0.0.1]:80": "not an IPv6 address",
    "[::1%]:80": "not an IPv6 address",
    "127.0.0.256:80": "not an IPv4 address",
    "127.0.0.01:80": "not an IPv4 address",
    "127.1:80": "not an IPv4 address",
    "1:80": "not an IPv4 address",
    "a b:80": "not a host name",
    "-a:80": "not a host name",
    "a-:80": "not a host name",
    "a..b:80": "not a host name",
    "a/b:80": "not a host name",
    "*:80": "not a host name",
    "a@b:80": "not a host name",
    "bücher:80": "not a host name",
    "a" * 64 + ":80": "not a host name",
    ("a" * 60 + ".") * 5 + "a:80": "not a host name",
    "a\x00:80": "not a host name",
}


@pytest.mark.parametrize(("text", "address"), READ.items())
def test_an_address_is_read(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_what_is_no_address_is_refused_with_a_sentence(text, reason):
    with pytest.raises(ValueError, match="is not a listen address: ") as refused:
        parse_address(text)
    assert reason in str(refused.value)


hosts = st.one_of(
    st.just(""),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.from_regex(r"[a-z_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z]{1,63}){0,3}", fullmatch=True),
)


@given(host=hosts, port=st.integers(0, 65535))
def test_an_address_reads_as_it_is_written(host, port):
    assert parse_address(str(Address(host, port))) == Address(host, port)


@given(st.one_of(st.text(), st.from_regex(r"\[?[0-9a-z:.%-]*\]?:?[0-9]*")))
def test_any_text_is_an_address_that_can_be_written_again_or_a_sentence(text):
    try:
        address = parse_address(text)
    except ValueError:
        with pytest.raises(ValueError, match="is not a listen address: "):
            parse_address(text)
    else:
        assert parse_address(str(address)) == address
