"""krt secrets with bad input: no cluster is there, none is asked, and no value is printed."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from krt.cli import secrets_import
from krt.cli.commands import parser_for
from krt.cli.main import main

CANARY = "tr0ub4dor"
IMPORT = ("secrets", "import", "checkout", "--environment", "production")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> list[str]:
    """The problems that the command names, on standard error and in JSON."""
    assert main((*argv, "-o", "json"), {}) == 2
    printed = capsys.readouterr()
    assert CANARY not in printed.out + printed.err
    document = json.loads(printed.out)
    assert document["status"] == "error"
    assert [line.removeprefix("krt: ") for line in printed.err.splitlines()] == document["problems"]
    return list(document["problems"])


def wanted(*words: str) -> dict[str, bytes]:
    """The values that the arguments ask for."""
    return dict(secrets_import._wanted(parser_for("secrets").parse_args((*IMPORT, *words))).values)


def test_every_problem_is_named_before_a_cluster_is_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.env").write_text(f"A=1\n{CANARY}\n")
    (folder / "bad.json").write_text(f'{{"A": ["{CANARY}"]}}')
    argv = ("secrets", "import", "Shop", "-e", "a b", "-n", "X", "-f", "bad.env", "-f", "bad.json", "-f", "none")
    assert refused(capsys, *argv) == [
        "APP must be a name of at most 40 small letters, digits and dashes",
        "--environment must be the value of a label: at most 63 letters, digits, dashes, _ and dots",
        "--namespace must be a name of at most 63 small letters, digits and dashes",
        "bad.env: line 2: no = follows the name",
        "bad.json: entry 1: the value of A is no text: put it in quotes",
        "none: No such file or directory",
    ]


def test_a_time_out_and_a_kubeconfig_are_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "values").write_text(f"A={CANARY}")
    assert refused(capsys, *IMPORT, "-f", "values", "--timeout", "0", "--kubeconfig", "/none") == [
        "--timeout: write a duration such as 5s, 15m or 1h",
        "--kubeconfig: /none does not exist",
    ]
    assert refused(capsys, *IMPORT, "-f", "-", "-f", "-") == ["-f stands at most 100 times, and with - once"]
    assert refused(capsys, "secrets", "redeliver", "checkout", "--move") == [
        "--move and --namespace need --environment, which names the one environment"
    ]


@pytest.mark.parametrize("action", ["redeliver", "status"])
def test_the_name_of_an_app_is_checked(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "secrets", action, "../x") == [
        "APP must be a name of at most 40 small letters, digits and dashes"
    ]


def test_a_mounted_secret_is_a_folder_of_values(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The kubelet keeps the files in a folder with two dots in front, and links to them."""
    mounted = folder / "mounted"
    (mounted / "..2026_11_29").mkdir(parents=True)
    (mounted / "..2026_11_29" / "tls.crt").write_bytes(b"\xff\0\n")
    (mounted / "..data").symlink_to("..2026_11_29")
    (mounted / "tls.crt").symlink_to("..data/tls.crt")
    assert wanted("-f", str(mounted)) == {"tls.crt": b"\xff\0\n"}
    (mounted / "more").mkdir()
    assert refused(capsys, *IMPORT, "-f", "mounted") == ["mounted/more: Is a directory"]


def test_a_folder_holds_no_more_than_a_secret(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (folder / "large").mkdir(exist_ok=True)
        (folder / "large" / name).write_bytes(b"x" * 600_000)
    [problem] = refused(capsys, *IMPORT, "-f", "large")
    assert problem == "large: its files have more than 1048576 bytes, and a Secret holds no more"


def test_standard_input_is_dotenv_unless_a_format_is_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def give(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    give(b"A='b c'\n")
    (folder / "more.yaml").write_text("B: c\n")
    assert wanted("-f", "-", "-f", "more.yaml") == {"A": b"b c", "B": b"c"}
    give(b'{"A": "b"}')
    assert wanted("-f", "-", "--format", "json") == {"A": b"b"}
