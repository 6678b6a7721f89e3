"""Every command line in README and docs is one that krt, pytest or a module of this repository takes."""

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from krt.cli.commands import COMMANDS, parser_for
from krt.cli.flags import given_flags
from krt.cli.parser import Parser
from krt.client import exits
from krt.errors import SettingsInvalid
from krt.settings.roles import ROLES, known_variables, rows
from krt.settings.table import OF_OTHERS, Setting
from tests.bench.__main__ import _arguments
from tests.pages import OF_TODAY, PAGES, ROOT, Page, page


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One command as a page has it. `is_whole` is false within a sentence, where arguments may be left out."""

    words: list[str]
    is_whole: bool
    variables: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join(self.words)


def commands_of(page: Page) -> Iterator[CommandLine]:
    asked = [
        line.removeprefix("$ ") for code in page.blocks("console") for line in code.splitlines() if line[:2] == "$ "
    ]
    for code in (*page.blocks("sh"), *asked, *greeting(page)):
        yield from _lines(code, is_whole=True)
    for span in page.spans():
        yield from _lines(span, is_whole=False)


def greeting(page: Page) -> list[str]:
    """The line for a second terminal."""
    return re.findall(r"^KRT_URL=.*$", page.text, re.MULTILINE)


def _lines(code: str, *, is_whole: bool) -> Iterator[CommandLine]:
    for part in re.split(r"\n|&&|\|\||[;|]|(?<= )>", code.replace("\\\n", " ")):
        words = _split(part)
        assigned = [word for word in words if re.match(r"[A-Z_]+=", word)]
        if words:
            yield CommandLine(words, is_whole, dict(word.split("=", 1) for word in assigned))


def _split(part: str) -> list[str]:
    try:
        return shlex.split(part, comments=True)
    except ValueError:  # a quote that another line closes
        return part.partition("'")[0].replace('"', " ").split()


def of_krt(command: CommandLine) -> list[str] | None:
    """The arguments after `krt`; None where krt is not what runs: `kubectl -n krt get`."""
    for at, word in enumerate(command.words[:-1]):
        first = at == len(command.variables) or command.words[at - 1] in {"-m", "--", "exec"}
        if (word == "krt" and first) or word.endswith("bin/krt"):
            return command.words[at + 1 :]
    return None


def krt_commands(page: Page) -> list[tuple[CommandLine, list[str]]]:
    """Each with its arguments. A sentence may begin with `krt`, too: those that are quoted have an ellipsis."""
    found = ((command, of_krt(command)) for command in commands_of(page))
    return [(command, argv) for command, argv in found if argv and (command.is_whole or "…" not in argv)]


def test_there_are_commands() -> None:
    lines = {" ".join(argv) for page in OF_TODAY for _, argv in krt_commands(page)}
    assert {"all --dev", "config web", "cluster list", "cluster forget $0", "notify --wait"} <= lines
    assert len(lines) > 15


@pytest.mark.parametrize("page", OF_TODAY, ids=str)
def test_every_command_of_krt_is_taken(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail with `krt explain --polcy`, with `krt cluster forgets`, and with a command without its IMAGE."""
    refused = {str(command): refusal(command, argv, capsys) for command, argv in krt_commands(page)}
    assert {command: said for command, said in refused.items() if said} == {}


def refusal(command: CommandLine, argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What krt says against these arguments, and against the settings among them; empty if nothing."""
    try:
        args = parser_for(argv[0]).parse_args(argv)
    except SystemExit as end:
        said = capsys.readouterr().err
        is_left_out = not command.is_whole and "arguments are required" in said
        return "" if end.code == 0 or is_left_out else said
    return "; ".join(filter(None, (problem(by_flag()[flag], value) for flag, value in given_flags(args).items())))


def by_flag() -> dict[str, Setting]:
    return {row.flag: row for part in rows("all").values() for row in part.values()}


def problem(row: Setting, value: str) -> str | None:
    """What krt says to this value of a setting. Whether a file is there, a page cannot know."""
    if row.metavar == "FILE" or row.variable in {"KUBECONFIG", "KRT_POLICY"} or "…" in value or "$" in value:
        return None
    try:
        row.parse(value)
    except ValueError as error:
        return str(error)
    except SettingsInvalid as error:
        return "; ".join(error.problems)
    return None


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_value_of_a_setting_is_one_that_krt_takes(page: Page) -> None:
    """Seen to fail with KRT_CLUSTER=EU_1, KRT_KINDS=Deployments and KRT_GRACE=1 minute."""
    by_variable = {row.variable: row for row in by_flag().values()}
    given = re.findall(r"\b([A-Z][A-Z0-9_]+)=([^\s`\]|]*[^\s`\]|.,;:)])", page.text)
    known = [(by_variable[name], value) for name, value in given if name in known_variables() - OF_OTHERS]
    assert {str(row): said for row, value in known if (said := problem(row, value))} == {}


def modules() -> list[tuple[Page, CommandLine]]:
    every = [(each, command) for each in OF_TODAY for command in commands_of(each)]
    return [(each, command) for each, command in every if re.search(r"python[\d.]* -m ", str(command))]


@pytest.mark.parametrize(("page", "command"), modules(), ids=str)
def test_every_module_that_is_run_is_there(page: Page, command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail with `python -m tests.benches`, and with an unknown flag of tests.bench."""
    at = command.words.index("-m") + 1
    module, arguments = command.words[at], [word for word in command.words[at + 1 :] if word != "…"]
    assert importlib.util.find_spec(module), f"{page}: {command}"
    if module == "tests.bench":
        monkeypatch.setattr(sys, "argv", ["", *arguments])
        _arguments()


@pytest.mark.parametrize("page", OF_TODAY, ids=str)
def test_every_run_of_pytest_names_files_and_markers_that_are_there(page: Page, request: pytest.FixtureRequest) -> None:
    """Seen to fail with `-m slowly` in docs/valkey.md, and with a folder misspelt in docs/contributing.md."""
    markers = {line.partition(":")[0] for line in request.config.getini("markers")}
    for command in commands_of(page):
        runs = [at for at, word in enumerate(command.words) if word.rpartition("/")[2] == "pytest"]
        for before, word in zip(command.words[runs[0] :], command.words[runs[0] + 1 :], strict=False) if runs else ():
            if before == "-m":
                assert set(re.findall(r"\w+", word)) - {"not", "and", "or"} <= markers
            elif word.startswith("tests/"):
                assert list(ROOT.glob(word.partition("::")[0])), f"{page}: {command}"


def test_every_command_has_its_row_with_the_words_of_its_help() -> None:
    """Seen to fail with a row taken out, and with another summary in krt/cli/commands.py."""
    documented = {cells[0].strip("`"): cells[1] for cells in page("operations.md").rows("## The commands")}
    assert documented == {f"krt {name}": summary for name, (_, summary) in COMMANDS.items()}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_exit_codes_of_a_command_are_those_of_its_help(name: str) -> None:
    """Seen to fail with the 1 of `krt check-policy` left out of docs/operations.md."""
    rows_of = {cells[0].strip("`"): cells[2] for cells in page("operations.md").rows("## The commands")}
    documented = set(re.findall(r"\b\d+\b", rows_of[f"krt {name}"]))
    assert documented == codes_of(name)


def codes_of(name: str) -> set[str]:
    """The exit codes in the help of a command, and in that of its actions."""
    if name == "notify":
        return set(map(str, exits.MEANINGS))
    helps = [" ".join(parser.format_help().split()) for parser in parsers_of(name)]
    said = " ".join(re.split("[Ee]xit codes:", text)[1] for text in helps if "xit codes:" in text)
    return set(re.findall(r"(?:^|[;,.]) (\d{1,3}) [a-z]", said)) or {"0", "2"}


def parsers_of(name: str) -> list[Parser]:
    """That of a command, or those of its actions."""
    parser = parser_for(name).under(name)
    actions = {
        "cluster": ("list", "forget"),
        "artifact": ("push",),
        "runtime": ("build",),
        "bundle": ("vet", "build"),
        "secrets": ("import", "redeliver", "status"),
    }.get(name, ())
    return [parser.under(action) for action in actions] or [parser]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - set(ROLES) - {"config"}))
def test_every_flag_of_a_command_that_is_no_setting_is_explained(name: str) -> None:
    """Seen to fail with `--at` of `krt check-policy` left out of docs/policy.md."""
    own = {flag for each in parsers_of(name) for flag in each._option_string_actions if flag.startswith("--")}
    text = " ".join(each.text for each in OF_TODAY)
    assert {flag for flag in own - set(by_flag()) - {"--help"} if flag not in text} == set()
