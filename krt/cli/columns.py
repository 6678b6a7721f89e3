"""Formats tables for people: a heading, one line for each row, and columns as wide as their longest cell."""

from collections.abc import Iterable, Iterator, Sequence


def columns(heading: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The lines; none if there are no rows. Unprintable characters become `?`, so a cell cannot break its line."""
    cells = [[_plain(cell) for cell in row] for row in rows]
    if not cells:
        return
    table = [list(heading), *cells]
    widths = [max(len(row[number]) for row in table) for number in range(len(heading))]
    for row in table:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _plain(cell: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in cell)
