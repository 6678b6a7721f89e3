"""krt completion in real shells, as a person has them: the script is read, and a tab pressed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from krt.cli import completion
from krt.cli.commands import COMMANDS, whole_parser
from krt.cli.main import main
from tests.cli.commands import run
from tests.fakes.pace import PATIENCE_SECONDS


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file for each shell."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in completion.SHELLS:
        ended = run("completion", shell)
        assert (ended.code, ended.err) == (0, "")
        (folder / shell).write_text(ended.out)
    return folder


def bash(scripts: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    line = f"""
        source {scripts / "bash"}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "$(complete -p krt | sed 's/.*-F \\([^ ]*\\) .*/\\1/')"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ended = subprocess.run(
        ["bash", "--norc", "-c", line, "bash", "krt", *words], cwd=scripts, capture_output=True, text=True, check=True
    )
    assert "command not found" not in ended.stderr
    return ended.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ([""], [*COMMANDS]),
        (["no"], ["notify"]),
        (["c"], ["cluster", "check-policy", "config", "completion", "controller"]),
        (["notify", "--wa"], ["--wait"]),
        (["notify", "shop:dev", "--t"], ["--tags", "--timeout"]),
        (["cluster", ""], ["list", "forget"]),
        (["config", "w"], ["web", "worker"]),
        (["config", "worker", "--min"], ["--min-interval"]),
        (["all", "--dev"], ["--dev-mode", "--dev"]),
        (["completion", ""], [*completion.SHELLS]),
        (["notify", "--ca-file", "z"], ["zsh"]),  # a file of the folder
        (["web", "--valkey-password-file", "ba"], ["bash"]),
    ],
)
def test_bash_offers_commands_flags_words_and_files(scripts: Path, words: list[str], offered: list[str]) -> None:
    assert sorted(bash(scripts, *words)) == sorted(offered)


def test_bash_offers_every_flag_of_every_command(scripts: Path) -> None:
    """Seen to fail with the parser of one command: of the others it knows the names alone."""
    for command in COMMANDS:
        parser = whole_parser().under(command)
        flags = {flag for action in parser._actions for flag in action.option_strings}
        assert flags <= {*bash(scripts, command, "-")}, command


@pytest.mark.parametrize("shell", ["zsh", "tcsh", "fish"])
def test_the_script_is_one_that_the_shell_takes(scripts: Path, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} is here")
    options = {"zsh": ["-f", "-n"], "tcsh": ["-f"], "fish": ["--no-execute"]}[shell]
    ended = subprocess.run([shell, *options, scripts / shell], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [("krt noti", "krt notify "), ("krt notify --wai", "krt notify --wait"), ("krt cluster for", "krt cluster forget")],
)
def test_zsh_completes_at_a_tab(scripts: Path, typed: str, becomes: str, tmp_path: Path) -> None:
    if not shutil.which("zsh"):
        pytest.skip("no zsh is here")
    (tmp_path / "_krt").write_text((scripts / "zsh").read_text())
    _wait_until_zsh_has(becomes, typed, tmp_path)


def _wait_until_zsh_has(becomes: str, typed: str, folder: Path) -> None:
    """Type the words and a tab in a pseudo-terminal that zsh opens (module zsh/zpty)."""
    line = f"""
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell 'PROMPT= fpath=({folder} $fpath); autoload -U compinit; compinit -u -D; echo re""ady'
        zpty -r -m shell out '*ready*'
        zpty -w -n shell $'{typed}\\t'
        zpty -r -m shell out '*{becomes}*'
    """
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"}
    subprocess.run(["zsh", "-f", "-c", line], env=environ, check=True, timeout=PATIENCE_SECONDS)


def test_without_the_extra_a_sentence_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(completion, "find_spec", lambda _: None)
    assert main(["completion", "bash"], {}) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (
        "",
        "krt: completion needs the package shtab, which is not installed: install krt with its extra `completion`\n",
    )


def test_a_shell_that_there_is_no_script_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completion", "bahs"], {})
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "krt completion: there is no shell bahs, did you mean bash? (see krt completion --help)\n"
    )
