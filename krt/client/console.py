"""Writes the job's log: results to stdout, everything else to stderr.

GitHub's runner reads commands from both streams: `::name::` at the start of a line, `##[name]` anywhere in a line. So
text from outside is always escaped. stdout stays free of everything but results, for `--json`.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from krt.client import step_files
from krt.errors import OutputLost
from krt.output import say

MOST_CHARACTERS = 500  # of one quoted text


def plain(text: str) -> str:
    """`text` as one line of printable ASCII that holds no command for the runner. A long text is cut."""
    return one_line(text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}...")


def one_line(text: str) -> str:
    """`text` as `plain` writes it, but never cut."""
    text = text.replace("…", "...")  # the mark that krt writes for a cut
    escaped = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return escaped.encode("ascii", "backslashreplace").decode("ascii").replace("##[", "# #[")


def to_json(document: Mapping[str, object]) -> str:
    """`document` as one line of ASCII that holds no command for the runner."""
    return json.dumps(document).replace("##[", "##\\u005b")


@dataclass(frozen=True, slots=True)
class Console:
    """The two output streams.

    `github`: the streams go to GitHub's runner. `as_json`: stdout gets exactly one JSON object, whatever the outcome.
    `animated`: `err` is a terminal that can be redrawn. `outputs`: the file of the step's outputs; None outside of
    GitHub's jobs. `command`: the name that each line begins with.
    """

    out: TextIO
    err: TextIO
    github: bool = False
    as_json: bool = False
    animated: bool = False
    outputs: Path | None = None
    command: str = "krt notify"

    def mask(self, secret: str) -> None:
        """Make the runner print *** for `secret` from now on. The runner does not log this command itself."""
        if self.github:
            self._command("add-mask", secret)

    def note(self, text: str) -> None:
        """Print one line about the current state."""
        self.line(f"{self.command}: {plain(text)}")

    def warn(self, text: str) -> None:
        """Print a line that a person should look at, on GitHub as an annotation. It does not make the command fail."""
        self._annotate("warning", plain(text))

    def flag(self, text: str) -> None:
        """Annotate a line of the result as a warning, on GitHub. Elsewhere print nothing: the result has this line."""
        if self.github:
            self._annotate("warning", plain(text))

    def progress(self, seconds: float, text: str) -> None:
        """Print one line about a change that happened `seconds` after the start."""
        self.line(f"{seconds:7.1f} s  {plain(text)}")

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold the lines written within the block, on GitHub."""
        if not self.github:
            yield
            return
        self._command("group", plain(title))
        try:
            yield
        finally:
            self._command("endgroup", "")

    def detail(self, name: str, value: str) -> None:
        """Print one row of a table that explains the error above it."""
        self.line(f"  {name:<12} {plain(value)}")

    def line(self, text: str) -> None:
        """Print `text`, whose quoted parts must have gone through `plain`. A closed stream or full disk is ignored."""
        with suppress(OutputLost):
            say(self.err, text)

    def fail(self, *sentences: str, **facts: object) -> None:
        """Print why the command fails: a line, on GitHub an annotation, for each sentence. `facts` go into the JSON."""
        for sentence in sentences:
            self._annotate("error", plain(sentence))
        self.result({"error": plain("; ".join(sentences)), **facts})

    def result(self, document: Mapping[str, object], *lines: str) -> bool:
        """Print the outcome on stdout: `document` if `as_json`, else `lines`. Returns whether stdout has taken it.

        If not, stderr says so.
        """
        try:
            say(self.out, *((to_json(document),) if self.as_json else lines))
        except OutputLost as error:
            self.note(f"the result could not be written to standard output: {error}")
            return False
        return True

    def output(self, **values: str) -> None:
        """Set outputs of this step, which later steps of the job can read. The last value of each name counts."""
        if self.outputs is None:
            return
        try:
            lines = {name: one_line(value) for name, value in values.items()}
            step_files.append(self.outputs, step_files.outputs(lines))
        except OSError as error:
            self.warn(f"not written to GITHUB_OUTPUT ({', '.join(values)}): {error.strerror}")

    def _annotate(self, level: str, sentence: str) -> None:
        if self.github:
            self._command(level, sentence, properties=f" title={self.command}")
        else:
            self.note(sentence)

    def _command(self, name: str, data: str, properties: str = "") -> None:
        self.line(f"::{name}{properties}::{escape(data)}")


def escape(data: str) -> str:
    """Escape the data of a workflow command (docs.github.com, "Workflow commands"; the runner's own table)."""
    return data.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
