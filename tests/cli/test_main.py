import json
import os
import re
import socket
from pathlib import Path
from signal import SIGINT

import pytest

import krt
from krt.cli.commands import COMMANDS
from krt.cli.main import main
from krt.settings.roles import ROLES, TITLES, rows
from tests.cli.commands import a_process, run
from tests.oidc.tokens import claims
from tests.settings.environments import WEB


def ended(*argv: str, capsys: pytest.CaptureFixture[str]) -> tuple[object, str, str]:
    """Code, standard output and standard error of arguments that the command line answers itself."""
    code: object
    try:
        code = main(argv, {})
    except SystemExit as caught:
        code = caught.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("--version", capsys=capsys) == (0, f"krt {krt.__version__}\n", "")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ended("--help", capsys=capsys)
    assert (code, err) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"\n  {command}\s", out)


def test_help_groups_the_commands_by_who_runs_them(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = ended("--help", capsys=capsys)
    parts = re.split(r"^commands (.*):$", out, flags=re.MULTILINE)
    assert parts[1::2] == [
        "for a job, or for a person with a kubeconfig",
        "for an operator",
        "that run in the cluster",
    ]
    job, operator, cluster = (re.findall(r"^  ([a-z-]+)\s", part, flags=re.MULTILINE) for part in parts[2::2])
    assert {"notify", "publish", "bundle"} <= set(job)
    assert {"explain", "config"} <= set(operator)
    assert cluster[:4] == ["web", "worker", "controller", "all"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", [(), ("config",)])
def test_help_of_a_role_has_every_part_with_flags_variables_and_defaults(
    command: tuple[str, ...], role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = ended(*command, role, "--help", capsys=capsys)
    text = " ".join(out.split())
    assert code == 0
    for part, settings in rows(role).items():
        assert f"\n{TITLES[part]}:\n" in out
        for row in settings.values():
            said = "required" if row.default is None else f"default: {row.default or 'none'}"
            assert f" {row.flag}" in text
            assert f"[{row.variable}; {said}]" in text.replace("- ", "-")


def test_help_of_the_other_commands_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("notify", "check-policy", "config"):
        code, out, err = ended(command, "--help", capsys=capsys)
        assert (code, err) == (0, "")
        assert out.startswith(f"usage: krt {command} ")


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (("help",), ("--help",)),
        (("help", "notify"), ("notify", "--help")),
        (("help", "check-policy"), ("check-policy", "--help")),
        (("help", "config", "web"), ("config", "web", "--help")),
        (("help", "cluster", "list"), ("cluster", "list", "--help")),
        (("help", "--help"), ("--help",)),
        (("help", "web", "-h"), ("web", "--help")),
        (("help", "version"), ("version", "--help")),
        (("version",), ("--version",)),
    ],
)
def test_help_and_version_are_words_too(
    words: tuple[str, ...], flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen to fail with the words left as they are: there is no command help."""
    printed = ended(*words, capsys=capsys)
    assert printed == ended(*flags, capsys=capsys)
    assert (printed[0], printed[2]) == (0, "")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("version", "extra"), "krt version: it takes no arguments (see krt version --help)"),
        (("version", "--bogus"), "krt version: it takes no arguments (see krt version --help)"),
        (("version", "-v"), "krt version: it takes no arguments (see krt version --help)"),
        (("version", "a", "--bogus"), "krt version: it takes no arguments (see krt version --help)"),
        (("verison",), "krt: there is no command verison, did you mean version? (see krt --help)"),
        (("help", "--bogus"), "krt help: there is no --bogus (see krt help --help)"),
        (("help", "a", "b"), "krt: there is no command a (see krt --help)"),
        (("help", "web", "extra"), "krt web: there is a word too many; flags begin with -- (see krt web --help)"),
        (("help", "config", "bogus"), "krt config: there is no role bogus (see krt config --help)"),
        (("help", "version", "x"), "krt version: it takes no arguments (see krt version --help)"),
        (("help", "cluster", "list", "x"), "krt cluster list: there is a word too many; flags begin with -- (see krt"),
    ],
)
def test_what_help_and_version_do_not_take_is_said_of_them(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen to fail with help and version replaced by flags before anything is read: there was no command version."""
    code, out, err = ended(*words, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith(sentence)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ((), "krt: the following arguments are required: COMMAND (see krt --help)"),
        (("wbe",), "krt: there is no command wbe, did you mean web? (see krt --help)"),
        (("worker2",), "krt: there is no command worker2, did you mean worker? (see krt --help)"),
        (("bogus",), "krt: there is no command bogus (see krt --help)"),
        (("",), "krt: there is no command  (see krt --help)"),
        (("--verbose",), "krt: the following arguments are required: COMMAND (see krt --help)"),
        (("--verbose", "web"), "krt: there is no --verbose here, did you mean --version? (see krt --help)"),
        (
            ("--valkey-password", "hunter2", "worker"),
            "krt: there is no --valkey-password here: flags stand after the command (see krt --help)",
        ),
        (
            ("--valkey-addr=hunter2", "worker"),
            "krt: there is no --valkey-addr here: flags stand after the command (see",
        ),
        (
            ("cluster", "--valkey-password", "hunter2", "list"),
            "krt cluster: there is no --valkey-password here: flags stand after the command (see krt cluster --help)",
        ),
        (("config",), "krt config: the following arguments are required: ROLE (see krt config --help)"),
        (("config", "wrker"), "krt config: there is no role wrker, did you mean worker? (see krt config --help)"),
        (("config", "notify"), "krt config: there is no role notify (see krt config --help)"),
        (("notify",), "krt notify: the following arguments are required: IMAGE (see krt notify --help)"),
        (("notify", "--bogus"), "krt notify: there is no --bogus (see krt notify --help)"),
        (("notify", "--tag=b"), "krt notify: there is no --tag, did you mean --tags? (see krt notify --help)"),
        (
            ("notify", "--tag", "b", "--wiat"),
            "krt notify: there is no --tag, did you mean --tags?; there is no --wiat, did",
        ),
        (("check-policy", "--claim", "x"), "krt check-policy: there is no --claim, did you mean --claims? (see krt ch"),
        (("check-policy", "--image=x", "--bogus"), "krt check-policy: there is no --bogus (see krt check-policy"),
        (("explain", "--bogus"), "krt explain: there is no --bogus"),
        (("help", "bogus"), "krt: there is no command bogus (see krt --help)"),
        (
            (),
            "krt: the following arguments are required: COMMAND (see krt --help); the commands are notify, publish, ",
        ),
        (("notify", "a", "b"), "krt notify: there is a word too many; flags begin with -- (see krt notify --help)"),
        (("notify", "a", "--tag", "b"), "krt notify: there is no --tag, did you mean --tags? (see krt notify --help)"),
        (("web", "now"), "krt web: there is a word too many; flags begin with -- (see krt web --help)"),
        (("web", "-v"), "krt web: there is a word too many; flags begin with -- (see krt web --help)"),
        (("web", "--listen-adr", ":1"), "krt web: there is no --listen-adr, did you mean --listen-addr? (see krt web"),
        (("web", "--kubeconfig=x"), "krt web: there is no --kubeconfig (see krt web --help)"),
        (("worker", "--zzz", "--yyy"), "krt worker: there is no --zzz; there is no --yyy (see krt worker --help)"),
        (("web", "--valkey-addr"), "krt web: argument --valkey-addr: expected one argument (see krt web --help)"),
    ],
)
def test_arguments_that_are_none_end_with_2_and_one_line(
    argv: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ended(*argv, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.startswith(sentence)
    assert err.count("\n") == 1


def test_flags_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = ended("web", "--valkey-pass=hunter2", capsys=capsys)
    assert err.startswith("krt web: there is no --valkey-pass, did you mean --valkey-pass")
    assert "hunter2" not in err


@pytest.mark.parametrize(
    "argv",
    [
        ("web", "--valkey-pasword", "hunter2"),
        ("web", "--valkey-pasword=hunter2"),
        ("web", "--valkey-password", "-hunter2"),
        ("web", "--valkey-password", "correct", "hunter2"),
        ("web", "-xhunter2"),
        ("all", "--dev", "true", "hunter2"),
        ("config", "all", "--valkey-psword", "hunter2"),
    ],
)
def test_no_value_is_repeated_for_it_may_be_a_secret(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = ended(*argv, capsys=capsys)
    assert code == 2
    assert "hunter2" not in err


BAD = [
    ((), {}),
    (("wbe",), {}),
    (("web",), {}),
    (("web", "--zzz"), {}),
    (("worker", "--min-interval", "soon"), {}),
    (("worker",), {"KRT_PORTS": "1"}),
    (("all",), {"DEV_MODE": "maybe"}),
    (("all", "--dev", "--log-level=loud"), {}),
    (("all", "--dev", "--listen-addr=:0"), {}),
    (("all", "--dev"), {"KRT_TYPO": "1"}),
    (("config", "web"), {"VALKEY_USERNAME": "\udcff"}),
    (("config", "nothing"), {}),
    (("notify", "Shop:dev"), {}),
    (("check-policy",), {}),
    (("check-policy", "--claims", "/absent", "--image", "Shop"), {}),
    (("check-policy", "--claims", "/dev/null", "--image", "shop:dev", "--policy", "/absent"), {"KRT_TYPO": "1"}),
    (("notify", "shop:dev", "--timeout", "\udcff"), {}),
    (("\udcff",), {}),
]


@pytest.mark.parametrize(("argv", "environ"), BAD, ids=lambda part: " ".join(part) or "nothing")
def test_bad_input_of_any_command_is_reported_on_stderr_and_ends_with_2(
    argv: tuple[str, ...], environ: dict[str, str]
) -> None:
    end = run(*argv, environ=environ)
    assert (end.code, end.out) == (2, "")
    assert all(line.startswith("krt") for line in end.err.splitlines())
    assert end.err


POLICY = {name: WEB[name] for name in ("GITHUB_ALLOWED_ORG", "ALLOWED_IMAGE_PREFIX")}


@pytest.mark.parametrize("words", [("config", "web"), ("check-policy",)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_nobody_reads_ends_with_a_sentence(words: tuple[str, ...], unbuffered: str, tmp_path: Path):
    environ = {**(POLICY if words == ("check-policy",) else WEB), "PYTHONUNBUFFERED": unbuffered}
    (tmp_path / "claims").write_text(json.dumps(claims()))
    if words == ("check-policy",):
        words = (*words, "--claims", str(tmp_path / "claims"), "--image", "ghcr.io/acme/shop", "--tags", "dev")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody, a_process(words, environ, stdout=nobody) as process:
        assert process.communicate() == (None, "krt: standard output: Broken pipe\n")
    assert process.returncode == 1


def test_ctrl_c_is_no_traceback():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with a_process(("cluster", "list"), {"VALKEY_ADDR": address}) as process, silent.accept()[0] as asked:
            asked.settimeout(20)
            assert asked.recv(1)  # before that, the socket that is being connected is nobody's yet
            process.send_signal(SIGINT)
            assert process.communicate() == ("", "")
    assert process.returncode == 130
