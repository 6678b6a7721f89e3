"""The operators of CUE on concrete values. Pure. Reference: https://cuelang.org/docs/reference/spec/#operators."""

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from krt.core.cue.nodes import Constant
from krt.core.cue.refusals import CueBeyond, CueInvalid, SourcePlace
from krt.core.cue.values import NUMBER, CueScalar, scalar

MOST_DIGITS = 400  # of an int that an operator makes, counted as 3 bits each: about 360 decimal digits

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_INT: dict[str, Callable[[int, int], int]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def apply_unary(place: SourcePlace, sign: str, operand: CueScalar) -> CueScalar:
    """`+x`, `-x`, `!x`. Raises CueInvalid."""
    value = operand.value
    if sign == "!" and isinstance(value, bool):
        return scalar(not value)
    if sign in "+-" and not isinstance(value, bool) and isinstance(value, int | Decimal):
        return CueScalar(operand.kind, -value if sign == "-" else value, operand.is_secret)
    raise CueInvalid(place, f"the operator {sign} has no meaning for this value")


def apply_binary(place: SourcePlace, sign: str, left: CueScalar, right: CueScalar) -> CueScalar:
    """The value of `left sign right`. Raises CueInvalid, and CueBeyond where krt does not follow `cue`."""
    if sign in {"&&", "||"} and isinstance(left.value, bool) and isinstance(right.value, bool):
        return scalar(left.value and right.value if sign == "&&" else left.value or right.value)
    if sign in {"==", "!="}:
        return scalar(_is_equal(left, right) is (sign == "=="))
    if sign in _COMPARE and _comparable(left, right):
        return scalar(_COMPARE[sign](left.value, right.value))
    if sign == "+" and left.kind == right.kind == "string":
        return scalar(f"{left.value}{right.value}", is_secret=left.is_secret or right.is_secret)
    if {left.kind, right.kind} <= NUMBER and sign in "+-*/":
        made = _arithmetic(place, sign, left.value, right.value)
        return scalar(made, is_secret=left.is_secret or right.is_secret)
    if sign == "*" and {left.kind, right.kind} == {"string", "int"}:
        raise CueBeyond(place, "repeated strings")
    raise CueInvalid(place, f"the operator {sign} has no meaning for these values")


def _is_equal(left: CueScalar, right: CueScalar) -> bool:
    if {left.kind, right.kind} <= NUMBER:
        return left.value == right.value
    return left.kind == right.kind and left.value == right.value


def _comparable(left: CueScalar, right: CueScalar) -> bool:
    return {left.kind, right.kind} <= NUMBER or left.kind == right.kind == "string"


def _arithmetic(place: SourcePlace, sign: str, one: Constant, other: Constant) -> int:
    if not isinstance(one, int) or not isinstance(other, int) or sign == "/":
        raise CueBeyond(place, "floats that an operator makes")  # `cue` rounds and prints them by rules of its own
    found = _INT[sign](one, other)
    if found.bit_length() > 3 * MOST_DIGITS:
        raise CueInvalid(place, "a number has too many digits")
    return found
