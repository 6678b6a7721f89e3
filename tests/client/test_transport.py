import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme
from hypothesis import given
from hypothesis import strategies as st

from krt.client.call import RetryPatience
from krt.client.outcome import NotYet
from krt.client.transport import LONGEST_ANSWER_BYTES, exchange, open_http, retry_after_seconds
from krt.errors import SettingsInvalid
from tests.client.actions import REQUEST_TOKEN, Actions, Reply, accepted, running
from tests.client.runs import SHORT_SECONDS, run

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3),
        ("0", 0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("", 0),
        ("-3", 0),
        ("3.5", 0),
        ("soon", 0),
        ("\u0663", 0),
        ("9" * 400, 30),
        ("99999999", 30),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 30),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str, seconds: float) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@given(st.text())
def test_no_retry_after_breaks_the_reading(value: str) -> None:
    assert retry_after_seconds(value, NOW) >= 0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secured(authority: trustme.CA) -> Iterator[Actions]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    with running(Actions(), tls) as serving:
        yield serving


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def test_a_private_authority_is_trusted_by_ca_file(secured: Actions, ca_file: Path) -> None:
    assert run(secured, ca_file=ca_file).code == 0


def test_a_private_authority_is_trusted_by_ssl_cert_file(
    secured: Actions, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    assert run(secured).code == 0


def test_an_untrusted_certificate_is_named_as_the_reason(secured: Actions) -> None:
    # One attempt, then a pause to the end: httpcore leaves the socket of a handshake that is cut unclosed.
    ended = run(
        secured,
        patience=RetryPatience(timeout_seconds=2 * SHORT_SECONDS, first_pause_seconds=1000, longest_pause_seconds=1000),
    )
    assert ended.code == 3
    assert "the certificate of localhost is not trusted: " in ended.err
    assert secured.seen == []


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_ca_file_is_one_problem(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsInvalid, match=r"^--ca-file: .*/ca\.pem (cannot be read: No|holds no certificate)"):
        open_http(ca_file=path, connect_seconds=1, urls=["https://krt.example.com"])


@pytest.mark.parametrize(("content", "problem"), [(None, "cannot be read: No"), ("no certificate", "holds no cert")])
def test_an_unusable_ssl_cert_file_is_one_problem(
    content: str | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(SettingsInvalid, match=rf"^SSL_CERT_FILE: .*/ca\.pem {problem}"):
        open_http(ca_file=None, connect_seconds=1, urls=["https://krt.example.com"])


@pytest.mark.parametrize(
    "proxy",
    ["socks5://user:secret@proxy.example.com", "ftp://user:secret@proxy.example.com"],
)
def test_an_unusable_proxy_is_one_problem_without_its_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(SettingsInvalid, match="HTTPS_PROXY") as caught:
        open_http(ca_file=None, connect_seconds=1, urls=["https://krt.example.com"])
    assert "secret" not in str(caught.value)


def test_a_proxy_that_cannot_be_looked_up_is_a_failed_connection(
    actions: Actions, monkeypatch: pytest.MonkeyPatch, quick_end: dict[str, object]
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy..example.com:3128")
    ended = run(actions, url="https://krt.example.com", **quick_end)
    assert ended.code == 3
    assert "cannot look up krt.example.com or the proxy on the way there" in ended.err


def test_https_goes_through_the_proxy_of_the_environment(
    actions: Actions, monkeypatch: pytest.MonkeyPatch, quick_end: dict[str, object]
) -> None:
    with running(Actions(events=[Reply(403)])) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        ended = run(actions, url="https://krt.example.com", **quick_end)
    assert ended.code == 3
    assert {(request.method, request.target) for request in proxy.seen} == {("CONNECT", "krt.example.com:443")}
    assert "the proxy on the way to krt.example.com does not let this through: 403" in ended.err
    assert "(HTTPS_PROXY, NO_PROXY)" in ended.err


def test_no_proxy_is_honoured(secured: Actions, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Actions()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert run(secured, ca_file=ca_file).code == 0
    assert proxy.seen == []


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"])
def test_no_proxy_sees_the_token_of_plain_http(
    variable: str, actions: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(Actions()) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        assert run(actions).code == 0
    assert proxy.seen == []


def test_netrc_adds_no_credentials(actions: Actions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (tmp_path / ".netrc", tmp_path / "_netrc"):
        path.write_text("machine 127.0.0.1 login eve password secret\ndefault login eve password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(actions).code == 0
    assert actions.asked[0].header("authorization") == f"bearer {REQUEST_TOKEN}"
    assert actions.posts[0].header("authorization") == f"Bearer {actions.given[0]}"


def test_a_long_answer_is_cut_and_its_status_counts(actions: Actions) -> None:
    actions.events = [Reply(502, b"<" * (4 * LONGEST_ANSWER_BYTES)), accepted()]
    ended = run(actions)
    assert ended.code == 0
    assert len(ended.err) < 200


@pytest.mark.parametrize("sent", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"+PONG\r\n", b"220 mail\r\n", b"{}\n"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_answers_without_http_is_named_with_what_it_may_be(sent: bytes, scheme: str) -> None:
    """Seen to fail with the name of the exception alone: no whole answer (RemoteProtocolError)."""

    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some(1)
            await stream.send_all(sent)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        async with open_http(ca_file=None, connect_seconds=5) as http:
            outcome = await exchange(http, http.build_request("GET", f"{scheme}://127.0.0.1:{port}/"), seconds=5)
        nursery.cancel_scope.cancel()
    assert isinstance(outcome, NotYet)
    assert "127.0.0.1" in outcome.problem
    assert "the server there" in outcome.causes
