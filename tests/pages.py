"""The pages of the documentation, the code that stands in them, and the packages that they speak of."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Page:
    """README.md, or a page of docs."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[str]:
        """The blocks of code in these languages; without any, all blocks."""
        found = _FENCE.findall(self.text)
        return [textwrap.dedent(code) for _, language, code in found if not languages or language in languages]

    def spans(self) -> list[str]:
        """The code within sentences, each on one line."""
        return [" ".join(span.split()) for span in _SPAN.findall(_FENCE.sub("", self.text))]

    def rows(self, heading: str) -> Iterator[list[str]]:
        """The cells of the tables below a heading, line by line, without their heads."""
        section = self.text.partition(f"\n{heading}\n")[2].partition("\n#")[0]
        tables = re.findall(r"^\|[-|]+\|\n((?:\|.*\n?)+)", section, re.MULTILINE)
        for line in "".join(tables).splitlines():
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


PAGES = [Page(path) for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))]
# What was, is told there by its former name.
OF_TODAY = [page for page in PAGES if page.path.name != "changelog.md"]


def page(name: str) -> Page:
    return Page(ROOT / "docs" / name)


def modules_in(folder: Path) -> set[str]:
    """The names of its modules and packages."""
    found = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    return found - {"__init__", "__main__"}
