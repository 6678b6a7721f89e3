import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krt.oidc.config import check_audience, parse_audience, parse_issuer, parse_proxy


@pytest.mark.parametrize(
    "url",
    [
        "https://token.actions.githubusercontent.com",
        "https://token.actions.githubusercontent.com/octo-enterprise",
        "https://token.actions.octo.ghe.com",
        "https://github.example.com/_services/token",
        "https://github.example.com:8443/_services/token",
        "https://10.1.2.3",
        "http://127.0.0.1:8123",
        "http://127.8.8.8",
        "http://localhost:8123/issuer",
        "http://[::1]:8123",
    ],
)
def test_the_keys_are_at_a_fixed_place_under_the_issuer(url: str) -> None:
    assert parse_issuer(url).url == url
    assert parse_issuer(url).keys_url == url + "/.well-known/jwks"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "write a URL"),
        (" ", "write a URL"),
        ("token.actions.githubusercontent.com", "write a URL"),
        ("ftp://issuer.example", "write a URL"),
        ("file:///etc/passwd", "write a URL"),
        ("https://", "write a URL"),
        ("https:///x", "write a URL"),
        ("https://issuer.example:x", "write a URL"),
        ("https://issuer.example:99999", "write a URL"),
        ("https://[::1", "write a URL"),
        ("https://user:secret@issuer.example", "without user"),
        ("https://Issuer.example", "lower case"),
        ("HTTPS://issuer.example", "as it stands"),
        ("https://issuer.example/", "without a '/' at its end"),
        ("https://issuer.example/a/", "without a '/' at its end"),
        ("https://issuer.example//a", "as it stands"),
        ("https://issuer.example/a?b", "as it stands"),
        ("https://issuer.example/a#b", "as it stands"),
        ("https://issuer.example/a b", "as it stands"),
        ("https://issuer.example\n", "as it stands|write a URL"),
        ("http://issuer.example", "on this machine only"),
        ("http://10.1.2.3", "on this machine only"),
        ("http://localhost.evil.example", "on this machine only"),
        ("http://127.0.0.1.evil.example", "on this machine only"),
        ("http://0.0.0.0", "on this machine only"),
    ],
)
def test_an_issuer_that_cannot_be_is_refused_with_a_sentence(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_issuer(text)


@settings(deadline=None)  # a busy machine is no failure
@given(st.text() | st.text("htps:/[]@?#.:1aé% ").map("https://".__add__))
def test_an_issuer_is_taken_character_by_character_or_refused(text: str) -> None:
    for parse in (parse_issuer, parse_proxy):
        try:
            parsed = parse(text)
        except ValueError:
            continue
        assert text == (parsed if isinstance(parsed, str) else parsed.url)


@pytest.mark.parametrize(
    "text",
    [
        "https://krt.example.com",
        "krt",
        "https://github.com.example.com/",
        "https://githubXcom/x",
        "https://gitlab.com/a",
    ],
)
def test_an_audience_is_a_name_of_this_installation(text: str) -> None:
    assert parse_audience(text) == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "1 to 255"),
        (" ", "without spaces"),
        ("a\n", "without spaces"),
        ("ä", "ASCII"),
        ("x" * 256, "1 to 255"),
        ("https://github.com/acme", "by default"),
        ("https://github.com/", "by default"),
        ("https://github.com", "by default"),
        ("HTTPS://GitHub.com/acme", "by default"),
        ("https://github.com:443/acme", "by default"),
        ("http://github.com/acme", "by default"),
        ("https://github.com./acme", "by default"),
        ("https://user@github.com/acme", "by default"),
    ],
)
def test_an_audience_that_others_share_is_refused(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_audience(text)


@pytest.mark.parametrize(
    ("audience", "issuer"),
    [
        ("https://ghes.example/acme", "https://ghes.example/_services/token"),
        ("https://GHES.example:443/acme", "https://ghes.example/_services/token"),
        ("https://ghes.example", "https://ghes.example/_services/token"),
        ("https://ghes.example:8443/acme", "https://ghes.example:8443/_services/token"),
        ("https://octocorp.ghe.com/acme", "https://token.actions.octocorp.ghe.com"),
        ("https://github.com/acme", "https://token.actions.octocorp.ghe.com"),
    ],
)
def test_an_enterprise_servers_own_audience_is_refused(audience: str, issuer: str) -> None:
    with pytest.raises(ValueError, match="by default"):
        check_audience(audience, parse_issuer(issuer))


@pytest.mark.parametrize(
    ("audience", "issuer"),
    [
        ("https://krt.ghes.example/acme", "https://ghes.example/_services/token"),
        ("https://krt.example.com", "https://token.actions.octocorp.ghe.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:9000"),
        ("krt", "https://ghes.example/_services/token"),
    ],
)
def test_another_host_than_the_issuers_is_an_audience(audience: str, issuer: str) -> None:
    check_audience(audience, parse_issuer(issuer))


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy:3128",
        "https://proxy.example.com",
        "http://user:pass@10.0.0.1:8080/",
        "http://[fd00::1]:3128",
    ],
)
def test_a_proxy_is_an_http_url(url: str) -> None:
    assert parse_proxy(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "proxy:3128",
        "socks5://proxy:1080",
        "http://",
        "http://:3128",
        "http://proxy:x",
        "http://proxy/path",
        "http://[x",
        "http://user:hunter2@proxy:99999",
        "http://user:hunter2@a b",
        "http://proxy?x",
        "http://proxy#x",
    ],
)
def test_a_proxy_that_cannot_be_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="write the proxy as") as caught:
        parse_proxy(url)
    assert "hunter2" not in str(caught.value)
