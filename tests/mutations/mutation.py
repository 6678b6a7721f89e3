"""One mutation: a rule removed from krt, and the test that must fail without it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutation:
    """In krt's `file`, `replacement` takes the place of `text`, which occurs once. Then `test` must fail.

    `test` is written as `worker/test_x.py::test_y`, relative to tests/.
    """

    test: str
    file: str
    text: str
    replacement: str

    @property
    def test_file(self) -> Path:
        return Path("tests", self.test.partition("::")[0])

    @property
    def function(self) -> str:
        """The name of the test function, without parameters."""
        return self.test.partition("::")[2].partition("[")[0]

    @property
    def krt_file(self) -> Path:
        return Path("krt", self.file)

    def __str__(self) -> str:
        return f"{self.test}-{self.file}"

    @contextmanager
    def applied(self, root: Path) -> Iterator[None]:
        """Apply the mutation to the copy at `root`, until the end of the block."""
        path = root / self.krt_file
        whole = path.read_text()
        assert whole.count(self.text) == 1, f"{self.krt_file} has {whole.count(self.text)} times: {self.text!r}"
        path.write_text(whole.replace(self.text, self.replacement))
        try:
            yield
        finally:
            path.write_text(whole)


def of(test_file: str, *rows: tuple[str, str, str, str]) -> tuple[Mutation, ...]:
    """The mutations for the tests of one file. A row is the test's name, the file of krt, the text, its replacement."""
    return tuple(Mutation(f"{test_file}::{test}", file, text, replacement) for test, file, text, replacement in rows)
