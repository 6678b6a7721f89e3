import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.client.address import parse, parse_server, shown


@pytest.mark.parametrize(
    ("text", "base", "origin"),
    [
        ("https://krt.example.com", "https://krt.example.com", "https://krt.example.com"),
        ("https://krt.example.com/", "https://krt.example.com", "https://krt.example.com"),
        ("https://krt.example.com/event", "https://krt.example.com", "https://krt.example.com"),
        ("https://krt.example.com/event/", "https://krt.example.com", "https://krt.example.com"),
        ("https://KRT.Example.com:443/event", "https://krt.example.com", "https://krt.example.com"),
        ("https://example.com:8443/krt/event", "https://example.com:8443/krt", "https://example.com:8443"),
        ("https://example.com/prevent", "https://example.com/prevent", "https://example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8080/event", "http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080", "http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_a_server_is_written_with_or_without_event(text: str, base: str, origin: str) -> None:
    server = parse_server(text)
    assert (server.base, server.origin) == (base, origin)
    assert server.event_url == f"{base}/event"
    assert server.dry_run_url == f"{base}/event/dry-run"
    assert server.status_url("1-0") == f"{base}/events/1-0"


@pytest.mark.parametrize(
    "text",
    [
        "http://krt.example.com",
        "http://10.0.0.1:8080",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.1",
        "http://2130706433",
        "http://0.0.0.0:8080",
        "http://[::]:8080",
        "http://krt",
    ],
)
def test_plain_http_goes_nowhere_but_to_this_machine(text: str) -> None:
    with pytest.raises(ValueError, match="plain http"):
        parse_server(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "krt.example.com",
        "//krt.example.com",
        "ftp://krt.example.com",
        "file:///etc/passwd",
        "https://",
        "https:///event",
        "https://a b/",
        "https://a%20b/",
        "https://krt.example.com\n",
        "https://krt.example.com:99999",
        "https://krt.example.com:0",
        "https://krt..example.com",
        f"https://{'a' * 64}.com",
        f"https://{'a.' * 130}com",
        "https://user:pass@krt.example.com",
        "https://user@krt.example.com",
        "http://127.0.0.1@evil.example.com",
        "http://127.0.0.1\\@evil.example.com",
        "https://krt.example.com?x=1",
        "https://krt.example.com/event?",
        "https://krt.example.com/#event",
        "https://[::1",
    ],
)
def test_no_token_goes_to_what_is_no_plain_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(it|plain) ") as caught:
        parse_server(text)
    assert "user:pass" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    for whole in (text, f"https://{text}", f"http://127.0.0.1{text}"):
        try:
            url = parse(whole)
        except ValueError:
            continue
        assert url.scheme == "https" or url.host in ("localhost", "::1") or url.host.startswith("127.")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://idp.example.com/login?state=s3cret&next=/event", "https://idp.example.com/login"),
        ("https://krt:s3cret@elsewhere.example.com:8443/event", "https://elsewhere.example.com:8443/event"),
        ("https://elsewhere.example.com/event#access_token=s3cret", "https://elsewhere.example.com/event"),
        ("/login;jsessionid=s3cret?token=s3cret", "/login"),
        ("login;jsessionid=s3cret", "login"),
        ("//krt:s3cret@elsewhere.example.com/event", "//elsewhere.example.com/event"),
        ("?token=s3cret", ""),
        ("https:krt:s3cret@elsewhere.example.com/event", "https:…"),
        ("mailto:krt:s3cret@example.com", "mailto:…"),
        ("data:text/plain,s3cret", "data:…"),
        ("https://[s3cret", "an invalid URL"),
        ("http://[::1]:8080/event", "http://[::1]:8080/event"),
    ],
)
def test_of_a_url_that_a_server_names_no_secret_is_shown(url: str, said: str) -> None:
    """Seen to fail with the URL as it came, and with only its query taken away."""
    assert shown(url) == said
