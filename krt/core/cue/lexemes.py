"""A token of CUE."""

from dataclasses import dataclass, field
from typing import TypeAlias

from krt.core.cue.nodes import Constant

Part: TypeAlias = "str | tuple[Lexeme, ...]"


@dataclass(frozen=True, slots=True)
class Lexeme:
    """`kind` is one of name, number, string, bytes, attribute, comma, end, or the operator itself.

    `text` is the token as it stands in the file, `begin` and `end` delimit it there, in characters. `value` is that of
    a number. `parts` are those of a string: texts, and the tokens of its interpolations in turn. A string without
    interpolations has one text. If a line end stands for a comma, the comma has the text "\\n".
    """

    kind: str
    text: str = field(repr=False)
    line: int
    begin: int
    end: int
    value: Constant = field(default=None, repr=False)
    parts: tuple[Part, ...] = field(default=(), repr=False)
