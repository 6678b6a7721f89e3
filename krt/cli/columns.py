"""Tables for people: a heading, and a line for each row, as wide as what stands in them."""

from collections.abc import Iterable, Iterator, Sequence


def columns(heading: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines; none where there is no row. Whatever a cell holds, a line stays a line."""
    cells = [[_plain(cell) for cell in row] for row in rows]
    if not cells:
        return
    table = [list(heading), *cells]
    widths = [max(len(row[number]) for row in table) for number in range(len(heading))]
    for row in table:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _plain(cell: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in cell)
