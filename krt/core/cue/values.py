"""Values of CUE, and their greatest lower bound (CUE's `&`). Pure.

Reference: https://cuelang.org/docs/reference/spec/#values and #default-values.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product
from typing import TypeAlias

from krt.core.cue.nodes import Constant

NUMBER = frozenset({"int", "float"})
ANY = frozenset({"null", "bool", "int", "float", "string", "bytes", "list", "struct"})
TYPES = {
    "string": frozenset({"string"}),
    "int": frozenset({"int"}),
    "float": frozenset({"float"}),
    "number": NUMBER,
    "bool": frozenset({"bool"}),
    "_": ANY,
}


@dataclass(frozen=True, slots=True)
class CueScalar:
    """A constant with its type, for 1, 1.0 and true are three values. `is_secret`: a part of it is from a Secret."""

    kind: str
    value: Constant = field(repr=False)
    is_secret: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Kinds:
    """A type: every value of these kinds."""

    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Disjunction:
    """A disjunction of at least two values: CUE's pair ⟨values, defaults⟩."""

    values: tuple[CueScalar | Kinds, ...]
    defaults: tuple[CueScalar | Kinds, ...]


Plain: TypeAlias = CueScalar | Kinds
CueValue: TypeAlias = CueScalar | Kinds | Disjunction


def scalar(value: Constant, *, is_secret: bool = False) -> CueScalar:
    """The scalar for a constant."""
    match value:
        case None:
            kind = "null"
        case bool():
            kind = "bool"
        case int():
            kind = "int"
        case Decimal():
            kind = "float"
        case _:
            kind = "string"
    return CueScalar(kind, value, is_secret)


def meet(left: CueValue, right: CueValue) -> CueValue | None:
    """CUE's `left & right`; None if no value is both."""
    if not isinstance(left, Disjunction) and not isinstance(right, Disjunction):
        return _meet_plain(left, right)
    values = _pairs(_values(left), _values(right))
    defaults = _pairs(_defaults(left), _defaults(right)) if _has_default(left) or _has_default(right) else ()
    return choice(values, defaults)


def choice(values: tuple[Plain, ...], defaults: tuple[Plain, ...]) -> CueValue | None:
    """The disjunction of these values, or the only value; None if there is none."""
    values, defaults = tuple(dict.fromkeys(values)), tuple(dict.fromkeys(defaults))
    if len(values) < 2:
        return values[0] if values else None
    return Disjunction(values, defaults)


def default_of(value: CueValue) -> CueValue:
    """The default of a disjunction that has exactly one, else the value itself."""
    if isinstance(value, Disjunction) and len(value.defaults) == 1:
        return value.defaults[0]
    return value


def _has_default(value: CueValue) -> bool:
    return isinstance(value, Disjunction) and bool(value.defaults)


def _values(value: CueValue) -> tuple[Plain, ...]:
    return value.values if isinstance(value, Disjunction) else (value,)


def _defaults(value: CueValue) -> tuple[Plain, ...]:
    return value.defaults if isinstance(value, Disjunction) and value.defaults else _values(value)


def _pairs(left: tuple[Plain, ...], right: tuple[Plain, ...]) -> tuple[Plain, ...]:
    both = (_meet_plain(one, other) for one, other in product(left, right))
    return tuple(each for each in both if each is not None)


def _meet_plain(left: Plain, right: Plain) -> Plain | None:
    if isinstance(left, CueScalar) and isinstance(right, CueScalar):
        if (left.kind, left.value) != (right.kind, right.value):
            return None
        return CueScalar(left.kind, left.value, left.is_secret or right.is_secret)
    if isinstance(left, CueScalar):
        assert isinstance(right, Kinds)
        return left if left.kind in right.kinds else None
    if isinstance(right, CueScalar):
        return right if right.kind in left.kinds else None
    return Kinds(left.kinds & right.kinds) if left.kinds & right.kinds else None
