"""The install lines of this repository, wherever somebody may copy or run them, and the one rule for all of them.

A lock is taken whole, by hash, and nothing is resolved (`--require-hashes --no-deps`); krt itself is built by what a
lock has brought (`--no-build-isolation`) or taken as a wheel; `pip check` by the same pip comes after it.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = ("README.md", "Containerfile", ".ci", ".github", "deploy", "docs", "tests")

_FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_SEPARATOR = re.compile(r"&&|\|\||[;|\n]|\$?\((?!\))|[{}]")
_PIP = re.compile(r"(?:.*/)?pip[\d.]*")
_OTHERS = {"uv", "uvx", "pipx", "poetry", "pdm", "conda", "easy_install"}
_INSTALLING = {"install", "wheel", "download", "sync", "run", "add"}
# For a person's own machine: pipx takes no lock, and docs/operations.md says so beside the command.
_PERSONS = ("pipx", "install", (".[terminal,completion]",))
_TODAYS = {"-U", "--upgrade", "--pre", "-c", "--constraint", "--no-require-hashes"}


@dataclass(frozen=True, slots=True)
class Command:
    """One use of an installer: its folder and name as written, what it is to do, and the rest of the words."""

    program: str
    does: str
    words: tuple[str, ...]

    @property
    def installs(self) -> bool:
        return self.does in _INSTALLING

    @property
    def wrong(self) -> str:
        """Which part of the rule the command breaks by itself; empty if none."""
        if (self.program, self.does, self.words) == _PERSONS:
            return ""
        if not _PIP.fullmatch(self.program):
            return "another installer than pip"
        if "--no-deps" not in self.words:
            return "resolves again what is needed: no --no-deps"
        if todays := _TODAYS.intersection(self.words):
            return f"takes what the index has today: {min(todays)}"
        return _wrong_lock(self.words, locks) if (locks := _locks(self.words)) else _wrong_target(self.words)


def wrong_lines(text: str) -> list[str]:
    """Of one script: each installing command that breaks the rule, and how."""
    commands = list(commands_of(text))
    wrong = []
    for at, command in enumerate(commands):
        later = {each.program for each in commands[at + 1 :] if each.does == "check"}
        is_checked = command.does == "wheel" or command.program in {*later, "pipx"}
        unchecked = "" if is_checked else "no `pip check` after it"
        if command.installs and (reason := command.wrong or unchecked):
            wrong.append(f"{' '.join((command.program, command.does, *command.words))}: {reason}")
    return wrong


def commands_of(text: str) -> Iterator[Command]:
    """In their order: what `pip` and its like are asked to do in a script; words of a comment are none."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in _SEPARATOR.split(_COMMENT.sub("", line)):
            if command := _command(_words(part)):
                yield command


def scripts() -> Iterator[tuple[str, str]]:
    """Where it stands and its text: each file of PLACES that is no Python, of Markdown each piece of code."""
    for path in _files():
        name, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        if path.suffix != ".md":
            yield name, text
            continue
        for number, block in enumerate(_FENCE.findall(text), 1):
            yield f"{name}, block {number}", block
        for inline in _INLINE.findall(_FENCE.sub("", text)):
            yield f"{name}, `{inline}`", inline


def _files() -> Iterator[Path]:
    for place in PLACES:
        found = [ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*"))
        for path in found:
            if "__pycache__" in path.parts:  # others write there meanwhile
                continue
            pictures = path.suffix in {".svg", ".webp", ".png"}
            if path.is_file() and not pictures and path.suffix not in {".py", ".lock", ".sum"}:
                yield path


def _words(part: str) -> list[str]:
    try:
        return shlex.split(part)
    except ValueError:  # a quote that another line closes
        return part.replace('"', " ").replace("'", " ").split()


def _command(words: list[str]) -> Command | None:
    for at, word in enumerate(words):
        if not (_PIP.fullmatch(word) or word.rpartition("/")[2] in _OTHERS):
            continue
        rest = words[at + 1 :]
        verb = next((each for each in rest if each in _INSTALLING | {"check"}), "")
        if verb and "compile" not in rest:
            rest.remove(verb)
            return Command(_program(words[: at + 1]), verb, tuple(rest))
    return None


def _program(words: list[str]) -> str:
    """`venv/bin/pip` and `venv/bin/python -I -m pip` are the same one."""
    if "-m" not in words:
        return words[-1]
    python = next((word for word in words if re.search(r"python[\d.]*\Z", word)), "")
    return f"{python.rpartition('/')[0]}/{words[-1]}".removeprefix("/")


def _locks(words: tuple[str, ...]) -> list[str]:
    return [after for word, after in pairwise(words) if word in {"-r", "--requirement"}]


def _wrong_lock(words: tuple[str, ...], locks: list[str]) -> str:
    if "--require-hashes" not in words:
        return "takes any file of that name and version: no --require-hashes"
    return "" if all(lock.endswith("requirements.lock") for lock in locks) else "takes something else than a lock"


def _wrong_target(words: tuple[str, ...]) -> str:
    targets = [word for word in words if word.startswith((".", "/")) or word.endswith(".whl")]
    if not any(word.endswith(".whl") or word == "." for word in targets):
        return "installs by name what no lock has named"
    builds = not any(word.endswith(".whl") for word in targets)
    return "builds with what the index has today" if builds and "--no-build-isolation" not in words else ""
