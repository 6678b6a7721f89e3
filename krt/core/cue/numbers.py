"""Number literals of CUE: `1_000`, `0x1f`, `1.5e3`, `4Ki`."""

import re
from decimal import Decimal

from krt.core.cue.nodes import Constant

MOST_DIGITS = 400

_DIGITS = r"[0-9](?:_?[0-9])*"
_NUMBER = re.compile(
    rf"(?P<based>0x[0-9a-fA-F](?:_?[0-9a-fA-F])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*)"
    rf"|(?P<float>(?:{_DIGITS})?\.{_DIGITS}(?:[eE][-+]?{_DIGITS})?"
    rf"|{_DIGITS}[eE][-+]?{_DIGITS})"
    rf"|(?P<int>{_DIGITS})(?P<unit>[KMGTP]i?)?"
)
_UNITS = "KMGTP"


def number_at(text: str, begin: int) -> tuple[int, Constant]:
    """The end and the value of the number that begins there. The value is None for a number that krt does not read.

    Reference: https://cuelang.org/docs/reference/spec/#numeric-literals.
    """
    found = _NUMBER.match(text, begin, begin + MOST_DIGITS + 2)
    if not found or len(found[0]) > MOST_DIGITS or _goes_on(text, found.end()):
        return begin + 1, None
    return found.end(), _value(found)


def _goes_on(text: str, end: int) -> bool:
    """Whether characters follow that belong to the number, such as the i of 1.5Ki."""
    return text[end : end + 1].isalnum() or text[end : end + 1] in {"_", "."}


def _value(found: re.Match[str]) -> Constant:
    digits = found[0].replace("_", "")
    if found["based"]:
        return int(digits, 0)
    if found["float"]:
        return _float(digits)
    whole = found["int"].replace("_", "")
    if len(whole) > 1 and whole.startswith("0"):
        return None
    return int(whole) * _factor(found["unit"] or "")


def _float(digits: str) -> Decimal | None:
    whole = digits.partition(".")[0]
    if len(whole) > 1 and whole.startswith("0") and whole.isdigit():
        return None
    found = Decimal(digits)
    return found if -400 < found.adjusted() < 400 else None


def _factor(unit: str) -> int:
    if not unit:
        return 1
    power = _UNITS.index(unit[0]) + 1
    return int(1024**power if unit.endswith("i") else 1000**power)
