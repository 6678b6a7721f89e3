"""krt apply, destroy, publish and unpublish with bad input: no cluster is there, and none is asked."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM, Signals

import pytest
import yaml

from krt.cli.commands import parser_for
from krt.cli.main import main
from krt.cli.publication import Order
from krt.cli.publication_end import PublicationOutcome
from krt.core.delivery.secret_bundle import Bundle, Publication
from tests.pages import ROOT

MODULE = "platform/k8s/runtime-bundle-secret"
APPLY = ("apply", "--module", MODULE, "--inputs", "/nowhere")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *argv: str, **environ: str) -> list[str]:
    """The problems that the command names."""
    assert main(argv, environ) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return [line.partition(": ")[2] for line in printed.err.splitlines()]


@pytest.mark.parametrize("command", ["apply", "destroy", "publish", "unpublish"])
def test_help_has_every_flag_and_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("help", command), {}) == 0
    out = " ".join(capsys.readouterr().out.split())
    own = ("--module", "--state-instance", "--env", "--root") if command in {"apply", "destroy"} else ("--kubeconfig",)
    assert [flag for flag in (*own, "--dry-run", "--output") if flag not in out] == []
    assert "2 bad input, or krt refuses: nothing was written" in out
    assert ("--restart KIND/NAME" in out) is (command == "publish")


@pytest.mark.parametrize(
    ("argv", "environ", "problem"),
    [
        ((), {}, "apply requires explicit runtime selection. Set --env <name> or --root <path> (or HYOPS_ENV"),
        (("--env", "dev", "--root", "/x"), {}, "--root and --env are mutually exclusive"),
        (("--env", "../x"), {}, "invalid env name: '../x'"),
        ((), {"HYOPS_ENV": "a b"}, "invalid env name: 'a b'"),
        (("--env", "dev", "--state-instance", "_x"), {}, "state_instance must match ^[a-z0-9]"),
    ],
)
def test_a_place_of_the_state_is_wanted(
    argv: tuple[str, ...], environ: dict[str, str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = refused(capsys, *APPLY, *argv, **environ)
    assert first.startswith(problem)
    assert second == "--inputs: /nowhere: No such file or directory"


@pytest.mark.parametrize(
    ("argv", "environ", "state"),
    [
        (("--env", "dev"), {"HYOPS_RUNTIME_ROOT": "/elsewhere"}, "{home}/.hybridops/envs/dev/state"),
        ((), {"HYOPS_ENV": "dev"}, "{home}/.hybridops/envs/dev/state"),
        (("--root", "~/r"), {"HYOPS_ENV": "dev"}, "{home}/r/state"),
        ((), {"HYOPS_ENV": "dev", "HYOPS_RUNTIME_ROOT": "{home}/q"}, "{home}/q/state"),
    ],
)
def test_the_state_of_another_module_is_looked_for_where_the_runtime_is(
    argv: tuple[str, ...], environ: dict[str, str], state: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = home / "inputs.yml"
    inputs.write_text(
        "{kubeconfig_state_ref: 'a/b#c', namespace: shop, secret_name: site, bundle_source_path: inputs.yml}"
    )
    given = {name: value.format(home=home) for name, value in environ.items()}
    problems = refused(capsys, "apply", "--module", MODULE, "--inputs", str(inputs), *argv, **given)
    place = state.format(home=home)
    assert f"state is unavailable: {place}/modules/a__b/instances/c.json: No such file or directory." in problems[0]


def test_without_a_place_of_the_state_no_word_about_a_state_in_the_working_folder(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen to fail with a second sentence, about `state/modules/…` in the working folder."""
    inputs = home / "inputs.yml"
    inputs.write_text(
        f"{{kubeconfig_state_ref: 'a/b#c', namespace: shop, secret_name: site, bundle_source_path: {inputs}}}"
    )
    [problem] = refused(capsys, "apply", "--module", MODULE, "--inputs", str(inputs))
    assert problem.startswith("apply requires explicit runtime selection.")


@pytest.mark.parametrize("command", ["apply", "destroy"])
def test_a_folder_or_a_closed_one_is_no_missing_kubeconfig(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen to fail with `does not exist`, and `krt destroy` ended well without a call."""
    inputs = home / "inputs.yml"
    for path, problem in ((home, "is a directory"), (home / ("x" * 300), "cannot be read (File name too long)")):
        inputs.write_text(f"{{kubeconfig_path: {path}, namespace: a, secret_name: b, bundle_source_path: {inputs}}}")
        argv = (command, "--env", "dev", "--module", MODULE, "--inputs", str(inputs))
        assert refused(capsys, *argv) == [f"Resolved kubeconfig_path {problem}: {path}"]


def test_another_module_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    problems = refused(capsys, "apply", "--env", "dev", "--module", "platform/x", "--inputs", "/nowhere")
    assert problems[0] == f"--module: krt has the module {MODULE} only (found 'platform/x')"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the inputs must be a mapping of names to values"),
        (b"- a", "the inputs must be a mapping of names to values"),
        (b"a: [", "it is not YAML"),
        (b"\xff", "it is not text in UTF-8"),
    ],
)
def test_inputs_that_are_no_mapping_are_refused(
    content: bytes, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "inputs.yml"
    file.write_bytes(content)
    [sentence] = refused(capsys, "apply", "--env", "dev", "--module", MODULE, "--inputs", str(file))
    assert problem in sentence


def test_publish_names_its_own_flags_and_all_problems(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("publish", "/nowhere", "--namespace", "Shop", "--secret", "<x>", "--restart", "web", "--timeout", "0")
    assert refused(capsys, *argv, "--kubeconfig", "/none") == [
        "--timeout: write a duration such as 5s, 15m or 1h",
        "--kubeconfig: /none does not exist",
        "--namespace must be a name of at most 63 small letters, digits and dashes (found 'Shop')",
        "--secret must not contain placeholder values (found '<x>')",
        "--restart must be KIND/NAME with the kind deployment, statefulset or daemonset (found 'web')",
        "FILE must point to an existing file: /nowhere",
    ]


@pytest.mark.parametrize("named", ["--kubeconfig", "KUBECONFIG", ""])
def test_a_folder_is_no_kubeconfig(named: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail with `does not exist`."""
    folder = home / ".kube" / "config"
    folder.mkdir(parents=True)
    flags = (named, str(folder)) if named.startswith("--") else ()
    environ = {"HOME": str(home), **({named: str(folder)} if named.isupper() else {})}
    [sentence] = refused(capsys, "unpublish", "-n", "shop", "--secret", "site", *flags, **environ)
    assert sentence == f"{named}{': ' if named else ''}{folder} is a directory"


def test_a_kubeconfig_that_cannot_be_used_is_named_without_its_token(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kubeconfig = home / "config"
    kubeconfig.write_text("{current-context: a, users: [{name: u, user: {token: hunter2, what: 1}}]}")
    argv = ("publish", str(kubeconfig), "--namespace", "shop", "--secret", "site", "--kubeconfig", str(kubeconfig))
    [sentence] = refused(capsys, *argv)
    assert sentence.startswith(f"KUBECONFIG (or --kubeconfig) '{kubeconfig}': ")
    assert "hunter2" not in sentence


SHAPE = {"status": "error", "outputs": {}, "report": None}


def test_json_is_one_object_whatever_is_wrong(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail without status, problems, outputs and report."""
    assert main(("publish", "/nowhere", "--namespace", "Shop", "--secret", "site", "-o", "json"), {}) == 2
    document = json.loads(capsys.readouterr().out)
    name, file = document.pop("problems")
    assert name.startswith("--namespace must be a name of at most 63 small letters")
    assert file == "FILE must point to an existing file: /nowhere"
    assert document == {"error": f"{name}; {file}", **SHAPE}


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("publish", "-o", "json"), "the following arguments are required: FILE, -n/--namespace, --secret"),
        (("unpublish", "--output=json", "-n", "a", "--sceret", "b"), "there is no --sceret, did you mean --secret?"),
        (("apply", "-ojson", "--inputs", "x"), "the following arguments are required: --module"),
        (("destroy", "-o", "text", "-o", "json", "x"), "the following arguments are required: --module, --inputs"),
    ],
)
def test_json_is_one_object_also_where_arguments_are_wrong(
    argv: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen to fail with nothing on standard output."""
    with pytest.raises(SystemExit, match="2"):
        main(argv, {})
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"error": problem, "problems": [problem], **SHAPE}
    assert printed.err == f"krt {argv[0]}: {problem} (see krt {argv[0]} --help)\n"


@pytest.mark.parametrize("argv", [("publish", "-o", "yaml"), ("publish", "-o"), ("publish", "--", "-o", "json")])
def test_without_json_wrong_arguments_print_nothing_on_standard_output(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(argv, {})
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's own way to close a stream")
@pytest.mark.parametrize("stdout", [">&-", ">/dev/full"])
@pytest.mark.parametrize("flags", ["", "-o json"])
def test_a_result_that_cannot_be_written_is_no_success(stdout: str, flags: str, home: Path) -> None:
    """Seen to fail with exit code 0. Without its kubeconfig `krt destroy` ends well and calls nobody."""
    inputs = home / "inputs.yml"
    inputs.write_text("{kubeconfig_path: /nowhere, namespace: shop, secret_name: site}")
    command = f'exec "$0" -W error -m krt destroy --root {home} --module {MODULE} --inputs {inputs} {flags} {stdout}'
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        ["sh", "-c", command, sys.executable], env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    [told] = ended.stderr.splitlines()
    assert told.startswith("krt destroy: the result could not be written to standard output: ")


DURING = """
import os, sys
from krt.cli import {module}
from krt.cli.main import main
original = {module}.{name}
def with_signal(*given, **named):
    os.kill(os.getpid(), {signal})
    return original(*given, **named)
{module}.{name} = with_signal
sys.exit(main())
"""


def during(module: str, name: str, signal: Signals, *argv: str) -> "subprocess.CompletedProcess[str]":
    """Run krt with these arguments. The signal comes as the function `name` of this module is called."""
    code = DURING.format(module=module, name=name, signal=int(signal))
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", code, *argv], env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("signal", [SIGINT, SIGTERM, SIGHUP])
@pytest.mark.parametrize(("module", "name"), [("publish", "_read"), ("publication_run", "_carry_out")])
def test_a_signal_before_the_first_line_ends_the_run_with_a_sentence(
    signal: Signals, module: str, name: str, home: Path
) -> None:
    """Seen to fail: SIGTERM and SIGHUP killed the process without a word, and SIGINT ended it without one."""
    kubeconfig = home / "config"
    kubeconfig.write_text(
        "{current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], users: [{name: a, user: {}}],"
        " clusters: [{name: a, cluster: {server: 'http://127.0.0.1:9'}}]}"
    )
    argv = ("publish", str(kubeconfig), "-n", "shop", "--secret", "site", "--kubeconfig", str(kubeconfig))
    ended = during(module, name, signal, *argv)
    assert (ended.returncode, ended.stdout) == (128 + signal, "")
    assert ended.stderr == f"krt publish: interrupted by {signal.name}: nothing was written\n"


def test_a_signal_after_the_run_changes_nothing(home: Path) -> None:
    """Seen to fail: SIGTERM killed the process before it had told the result. No cluster is called here."""
    inputs = home / "inputs.yml"
    inputs.write_text("{kubeconfig_path: /nowhere, namespace: shop, secret_name: site}")
    argv = ("destroy", "--root", str(home), "--module", MODULE, "--inputs", str(inputs))
    ended = during("publication_run", "tell", SIGTERM, *argv)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "/nowhere does not exist, so nothing was deleted from its cluster\n"


def test_a_record_that_cannot_be_written_at_the_end_hides_neither_code_nor_reason(tmp_path: Path) -> None:
    """Seen to fail with code 1 after SIGINT, and without the first sentence."""
    publication = Publication("shop", "site", Bundle("dist.tgz", b""))
    order, outcome = Order("krt publish", publication, None), PublicationOutcome()
    outcome.interrupt(SIGINT, order)
    outcome.note_unrecorded(order, "the state record cannot be written: full")
    assert outcome.code == 130
    assert outcome.problems == (
        "interrupted by SIGINT: nothing was written",
        "the state record cannot be written: full",
    )


def test_a_file_whose_name_is_no_key_needs_a_key(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail with the sentence about --key alone, which nobody had given."""
    file = home / "my file.tgz"
    file.touch()
    argv = ("publish", str(file), "-n", "shop", "--secret", "site")
    [problem] = refused(capsys, *argv)
    assert problem.endswith("(found 'my file.tgz'): the file's name is no key, so give one")
    [problem] = refused(capsys, *argv, "--key", "a b")
    assert problem.endswith("(found 'a b')")


def test_a_state_that_is_a_folder_is_told_with_a_verb(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail without `cannot be read`."""
    (home / "file").touch()
    argv = ("publish", str(home / "file"), "-n", "shop", "--secret", "site", "--state", str(home))
    assert refused(capsys, *argv) == [f"the state record {home} cannot be read: Is a directory"]


@pytest.mark.parametrize("folder", [".", "/", "./"])
def test_a_folder_without_a_name_is_one_problem(folder: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail with a first sentence about --key, which nobody had given."""
    [problem] = refused(capsys, "publish", folder, "-n", "shop", "--secret", "site")
    assert problem.startswith("FILE must point to a file, not a directory: ")


def test_a_pipe_is_no_file_to_publish(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ("publish", "/dev/zero", "--namespace", "shop", "--secret", "site")
    assert refused(capsys, *argv) == ["FILE: /dev/zero: a device or a socket, not a file"]


def test_the_example_of_a_job_gives_flags_that_publish_takes_and_stores_no_secret() -> None:
    """Seen to fail with a flag misspelt in it."""
    text = (ROOT / "docs" / "examples" / "publish-bundle.yml").read_text()
    steps = yaml.safe_load(text)["jobs"]["publish"]["steps"]
    [line] = [each["run"] for each in steps if "krt publish" in each.get("run", "")]
    argv = shlex.split(line.replace("\\\n", " ").partition("-m krt ")[2])
    args = parser_for("publish").parse_args(argv)
    assert (args.file, args.restart) == ("dist.tgz", ["deployment/showcase-burst-web"])
    assert "secrets." not in text
