import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.broker.endpoint import Endpoint, FromFile, Tcp, Tls, Unix, parse_endpoint
from krt.secret import Secret


@pytest.mark.parametrize(
    ("addr", "expected"),
    [
        ("valkey:6379", (Tcp("valkey", 6379), 0, None, None, None)),
        ("valkey.krt.svc.:7000", (Tcp("valkey.krt.svc.", 7000), 0, None, None, None)),
        ("127.0.0.1:6379", (Tcp("127.0.0.1", 6379), 0, None, None, None)),
        ("[::1]:6379", (Tcp("::1", 6379), 0, None, None, None)),
        ("[fe80::1%eth0]:6379", (Tcp("fe80::1%eth0", 6379), 0, None, None, None)),
        (":6379", (Tcp("localhost", 6379), 0, None, None, None)),
        ("valkey://db", (Tcp("db", 6379), 0, None, None, None)),
        ("redis://db:6380/3", (Tcp("db", 6380), 3, None, None, None)),
        ("valkey://db/?db=4", (Tcp("db", 6379), 4, None, None, None)),
        ("valkey://[::1]:6380", (Tcp("::1", 6380), 0, None, None, None)),
        ("valkeys://web:s%2Fcr%40t@db:6380/1", (Tcp("db", 6380), 1, "web", "s/cr@t", Tls())),
        ("rediss://:s3cret@db", (Tcp("db", 6379), 0, None, "s3cret", Tls())),
        ("valkey://web@db", (Tcp("db", 6379), 0, "web", None, None)),
        ("unix:///run/valkey/valkey.sock", (Unix(Path("/run/valkey/valkey.sock")), 0, None, None, None)),
        ("unix://web:s3cret@/run/a%20b.sock?db=2", (Unix(Path("/run/a b.sock")), 2, "web", "s3cret", None)),
    ],
)
def test_every_form_of_address_is_read(addr, expected):
    read = parse_endpoint(addr)
    password = read.password.reveal() if isinstance(read.password, Secret) else None
    assert (read.address, read.database, read.username, password, read.tls) == expected


def refusal_of(addr: str) -> ValueError | None:
    """What is said against it, if anything; any other error is a bug."""
    try:
        assert isinstance(parse_endpoint(addr), Endpoint)
    except ValueError as error:
        return error
    return None


@pytest.mark.parametrize(
    "addr",
    [
        "",
        "valkey",
        "6379",
        "::1:6379",
        "[db]:6379",
        "db:0",
        "db:65536",
        "db:six",
        "a..b:6379",
        f"{'a' * 64}:6379",
        "d b:6379",
        "db\x00:6379",
        "db:6379\n",
        "http://db:6379",
        "unix:/run/valkey.sock",
        "unix://valkey.sock",
        "unix:///",
        "valkey://db:0",
        "valkey://db:99999",
        "valkey://db/first",
        "valkey://db:6379/0#1",
        "valkey://db/0/1",
        "valkey://db/?db=-1",
        "valkey://db/?db=1&db=2",
        "valkeys://db/?ssl_cert_reqs=none",
        "valkey://db/?password=s3cret",
        "unix:///run/valkey.sock?host=db",
        "valkey://[::1",
        "valkey://d b:6379",
    ],
)
def test_what_is_no_address_is_refused_with_the_forms_it_may_have(addr):
    with pytest.raises(ValueError, match=r"host:port|no host|has a port|absolute path"):
        parse_endpoint(addr)


@pytest.mark.parametrize("mark", ["/", "?", "#", "@", ":", "[", "%", "\\", " ", "é", "\uff0f", "\x00"])
@pytest.mark.parametrize(
    "addr",
    [
        "valkey://web:s3{}cret@db:6379",
        "valkey://s3{}cret@db",
        "s3{}cret@db:6379",
        "unix://:s3{}cret@/run/v.sock",
    ],
)
def test_no_refusal_repeats_a_password_that_was_not_escaped(addr, mark):
    refused = refusal_of(addr.format(mark))
    assert not re.search("s3|cret", str(refused))
    assert refused is None or (refused.__cause__, refused.__context__) == (None, None)


@given(st.text(max_size=60))
def test_any_text_is_an_endpoint_or_refused_in_one_line(text):
    assert "\n" not in str(refusal_of(text))


@given(st.sampled_from(["valkey", "valkeys", "unix"]), st.text(st.characters(max_codepoint=127), max_size=30))
def test_any_text_after_a_scheme_is_an_endpoint_or_refused_in_one_line(scheme, text):
    assert "\n" not in str(refusal_of(f"{scheme}://{text}"))


def test_neither_text_nor_repr_of_an_endpoint_shows_its_password():
    endpoint = parse_endpoint("valkey://web:s3cret@db:6379")
    assert str(endpoint) == "Valkey at db:6379"
    assert "s3cret" not in repr(endpoint)


def test_an_ipv6_endpoint_is_shown_in_brackets():
    assert str(parse_endpoint("[::1]:6379")) == "Valkey at [::1]:6379"


def test_tls_over_a_unix_socket_is_refused():
    with pytest.raises(ValueError, match="unix socket"):
        Endpoint(Unix(Path("/run/valkey.sock")), tls=Tls())


def test_a_credential_from_a_file_shows_its_path_only():
    assert repr(FromFile(Path("/run/secrets/password"))) == "FromFile(path=PosixPath('/run/secrets/password'))"
