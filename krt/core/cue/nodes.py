"""The syntax tree of CUE's data part. Each node knows its place; a form beyond the data part is a `Beyond`."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from krt.core.cue.refusals import CueBeyond, SourcePlace

Constant: TypeAlias = bool | int | Decimal | str | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. Decimal is CUE's float: 1.0 is not the int 1. `is_secret` is true if it came out of a Secret."""

    place: SourcePlace
    value: Constant = field(repr=False)
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Interpolation:
    """A string with `\\(expression)` in it: texts and expressions in turn."""

    place: SourcePlace
    parts: tuple["str | Expression", ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier that refers to a field, a `let`, a variable of `for`, or a predeclared type."""

    place: SourcePlace
    name: str


@dataclass(frozen=True, slots=True)
class Pick:
    """`of.key` or `of[key]`. `is_name` is true for `of.key` without quotes: the key may be that of a hidden field."""

    place: SourcePlace
    of: "Expression"
    key: "Expression"
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class Unary:
    """`+ - !`, and `*`, which marks a default."""

    place: SourcePlace
    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two operands."""

    place: SourcePlace
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """`[…]`: elements and comprehensions."""

    place: SourcePlace
    elements: tuple["Expression | Comprehension", ...]


@dataclass(frozen=True, slots=True)
class StructLiteral:
    """`{…}`, the value of `a: b: 1` after the first colon, or a whole file."""

    place: SourcePlace
    declarations: tuple["Declaration", ...]


@dataclass(frozen=True, slots=True)
class Beyond:
    """A form that only the program `cue` reads. `what` names it in the plural."""

    place: SourcePlace
    what: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """`@name(body)`."""

    place: SourcePlace
    name: str
    body: str


@dataclass(frozen=True, slots=True)
class Field:
    """`label: value @attribute(…)`. `label` is a text, or an expression that makes one: `"\\(x)": 1`, `(x): 1`.

    Names refer to the field if `is_identifier`. `begin` and `end` delimit the value in the file's text, in characters.
    """

    place: SourcePlace
    label: "str | Expression"
    is_identifier: bool
    value: "Expression" = field(repr=False)
    attributes: tuple[Attribute, ...] = ()
    begin: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Embedding:
    """An expression in place of a field."""

    place: SourcePlace
    value: "Expression"


@dataclass(frozen=True, slots=True)
class Let:
    """`let name = value`, as a declaration or as a clause of a comprehension."""

    place: SourcePlace
    name: str
    value: "Expression"


@dataclass(frozen=True, slots=True)
class For:
    """`for key, value in source`; `key` is "" if it is left out."""

    place: SourcePlace
    key: str
    value: str
    source: "Expression"


@dataclass(frozen=True, slots=True)
class If:
    """`if condition`."""

    place: SourcePlace
    condition: "Expression"


@dataclass(frozen=True, slots=True)
class Comprehension:
    """Clauses, and the struct that each of their results adds."""

    place: SourcePlace
    clauses: tuple["For | If | Let", ...]
    struct: StructLiteral


Expression: TypeAlias = Literal | Interpolation | Name | Pick | Unary | Binary | ListLiteral | StructLiteral | Beyond
Declaration: TypeAlias = Field | Embedding | Let | Comprehension


@dataclass(frozen=True, slots=True)
class CueDocument:
    """One file: its text, its struct, and the first form that is beyond the data part, if there is one.

    `attributed` are all fields with attributes, also those within forms that `struct` leaves out.
    """

    text: str = field(repr=False)
    struct: StructLiteral
    package: str = ""
    beyond: CueBeyond | None = None
    attributed: tuple[Field, ...] = ()
