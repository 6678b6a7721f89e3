import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from krt.cli.main import main
from krt.cli.roles import bad_input, leaves
from krt.errors import BindFailed, SettingsInvalid
from tests.cli.commands import a_process, run
from tests.settings.environments import OF_ROLE, WEB

# Nothing is behind these, and nothing leaves this machine.
NOWHERE = {
    "VALKEY_ADDR": "127.0.0.1:1",
    "KRT_OIDC_ISSUER": "http://127.0.0.1:1",
    "KRT_ADMIN_ADDR": "127.0.0.1:0",
}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    path = tmp_path / "kubeconfig"
    path.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],"
        " clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: u, user: {}}]}"
    )
    return str(path)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_three_missing_and_one_wrong_are_named_in_one_message() -> None:
    end = run("web", environ={"VALKEY_ADDR": "valkey:6379", "LOG_LEVEL": "loud"})
    assert (end.code, end.out) == (2, "")
    assert [line.split(" ")[1] for line in end.err.splitlines()] == [
        "LOG_LEVEL",
        "GITHUB_OIDC_AUDIENCE",
        "GITHUB_ALLOWED_ORG",
        "ALLOWED_IMAGE_PREFIX",
    ]


@pytest.mark.parametrize("role", ["web", "worker"])
@pytest.mark.parametrize("argv", [("--dev",), ("--dev-mode",), ("--dev-mode=true",), ()])
def test_web_and_worker_refuse_dev_mode(role: str, argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([role, *argv], {**OF_ROLE[role], **({} if argv else {"DEV_MODE": "1"})}) == 2
    assert f"krt {role} never runs without checking signatures" in capsys.readouterr().err


def test_dev_mode_that_is_not_a_boolean_is_reported_with_all_other_problems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["all"], {**WEB, "DEV_MODE": "maybe", "KRT_GRACE": "soon"}) == 2
    assert [line.split(" ")[1] for line in capsys.readouterr().err.splitlines()] == ["KRT_GRACE", "DEV_MODE"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "file is empty"),
        ("not: [yaml", "while parsing a flow sequence"),
        ("{}", "current-context"),
        ("[]", "KUBECONFIG"),
        ("\x00", "KUBECONFIG"),
    ],
)
def test_a_kubeconfig_that_is_none_is_one_line(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    environ = {**OF_ROLE["worker"], **NOWHERE, "KUBECONFIG": str(tmp_path / "kubeconfig")}
    assert main(["worker"], environ) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("krt: "))
    assert sentence in line


def test_a_worker_that_is_in_no_pod_and_has_no_kubeconfig_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker"], {**OF_ROLE["worker"], **NOWHERE}) == 2
    assert "KUBECONFIG (or --kubeconfig) is not given, and this is not a pod" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("--listen-addr=192.0.2.1:1",), "cannot listen on 192.0.2.1:1"),
        (("--listen-addr=127.0.0.1:{taken}",), "cannot listen on 127.0.0.1:"),
        (("--listen-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:{taken}"), "cannot listen on 127.0.0.1:"),
    ],
)
def test_an_address_that_cannot_be_listened_at_is_one_line(
    argv: tuple[str, ...], sentence: str, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["web", *(word.format(taken=taken_port) for word in argv)], {**WEB, **NOWHERE}) == 2
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("krt: "))
    assert sentence in line


def test_the_go_peers_manifests_start_web_and_worker(kubeconfig: str) -> None:
    # Its variables and `args: ["web"]`, `args: ["worker"]`; only the ports are others, for many tests run here.
    web = {**WEB, **NOWHERE, "WEB_LISTEN_ADDR": "127.0.0.1:0", "VALKEY_TLS_ENABLED": "false", "DEV_MODE": "false"}
    worker = {**OF_ROLE["worker"], **NOWHERE, "KUBECONFIG": kubeconfig, "VALKEY_PASSWORD": ""}
    for role, environ in (("web", web), ("worker", worker)):
        with a_process([role], {**environ, "KRT_WEB_SERVICE_HOST": "10.0.0.1"}) as process:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            assert any('"event": "started"' in line for line in lines)
            process.send_signal(signal.SIGTERM)
            _, rest = process.communicate()
        assert process.returncode == 0
        assert '"in_time": true' in rest


def test_what_is_wrong_is_said_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert bad_input(SettingsInvalid(("one", "two\n  lines")), BindFailed(":80", "taken")) == 2
    assert capsys.readouterr().err.startswith(
        "krt: one\nkrt: two lines\nkrt: cannot listen on :80: taken; WEB_LISTEN_ADDR ("
    )


def test_every_error_in_a_group_is_found_however_deep() -> None:
    one, two, three = (ValueError(name) for name in ("one", "two", "three"))
    group = BaseExceptionGroup("", [one, BaseExceptionGroup("", [BaseExceptionGroup("", [two]), three])])
    assert list(leaves(group)) == [one, two, three]
