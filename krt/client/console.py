"""What the reader of a job's log sees: results on stdout, everything else on stderr.

GitHub's runner reads commands on both streams: `::name::` at the start of a line, `##[name]` anywhere in one.
So nothing from outside reaches a stream unescaped, and stdout stays clean for `--json`.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TextIO

from krt.errors import OutputLost
from krt.output import say

MOST_CHARACTERS = 500  # of one text from outside


def plain(text: str) -> str:
    """`text` as one line of printable ASCII that the runner takes for no command."""
    cut = text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
    escaped = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cut)
    return escaped.encode("ascii", "backslashreplace").decode("ascii").replace("##[", "# #[")


def to_json(document: Mapping[str, object]) -> str:
    """`document` as one line of ASCII that the runner takes for no command."""
    return json.dumps(document).replace("##[", "##\\u005b")


@dataclass(frozen=True, slots=True)
class Console:
    """`github`: the reader is GitHub's runner. `as_json`: stdout holds one JSON object, whatever happened.

    `animated`: `err` is a terminal that can be drawn on.
    """

    out: TextIO
    err: TextIO
    github: bool = False
    as_json: bool = False
    animated: bool = False

    def mask(self, secret: str) -> None:
        """Have the runner show *** for `secret` from now on; the runner does not log the command itself."""
        if self.github:
            self._command("add-mask", secret)

    def note(self, text: str) -> None:
        """One line about what is going on."""
        self.line(f"krt notify: {plain(text)}")

    def notice(self, text: str) -> None:
        """One line that is worth being seen later: an annotation on GitHub."""
        if self.github:
            self._command("notice", plain(text), properties=" title=krt notify")
        else:
            self.note(text)

    def progress(self, seconds: float, text: str) -> None:
        """One line about something that has happened after `seconds`."""
        self.line(f"{seconds:7.1f} s  {plain(text)}")

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """What is written meanwhile is folded on GitHub."""
        if not self.github:
            yield
            return
        self._command("group", plain(title))
        try:
            yield
        finally:
            self._command("endgroup", "")

    def detail(self, name: str, value: str) -> None:
        """One row of a table that explains the error above it."""
        self.line(f"  {name:<12} {plain(value)}")

    def line(self, text: str) -> None:
        """A line of our own making; what it quotes went through `plain`. Nobody has to read it."""
        with suppress(OutputLost):
            say(self.err, text)

    def fail(self, *sentences: str, **facts: object) -> None:
        """Why the command ends without success: annotations on GitHub, and the document for programs."""
        for sentence in sentences:
            self._error(plain(sentence))
        self.result({"error": plain("; ".join(sentences)), **facts})

    def result(self, document: Mapping[str, object], *lines: str) -> None:
        """The outcome on stdout: `document` for programs, or `lines` for people. Unread, it stays the outcome."""
        try:
            say(self.out, *((to_json(document),) if self.as_json else lines))
        except OutputLost as error:
            self.note(f"the result could not be written to standard output: {error}")

    def _error(self, sentence: str) -> None:
        if self.github:
            self._command("error", sentence, properties=" title=krt notify")
        else:
            self.note(sentence)

    def _command(self, name: str, data: str, properties: str = "") -> None:
        self.line(f"::{name}{properties}::{escape(data)}")


def escape(data: str) -> str:
    """The data of a workflow command (docs.github.com, "Workflow commands"; the runner's own table)."""
    return data.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
