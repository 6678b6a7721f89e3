"""Reads JSON from senders that krt does not trust.

A text is refused if another parser might read it differently or not at all: a key twice in an object, NaN, UTF-16.

krt adds these checks to the standard library's json. msgspec has no setting for them: it keeps the last of two equal
keys silently. If no type is given, as for a token's claims, it accepts thousands of levels and numbers of a thousand
digits.
"""

import json
import math
from typing import NoReturn

DEEPEST = 32  # levels; a set of keys has 4. Comparing or printing a thousand levels may raise RecursionError
MOST_DIGITS = 20  # of an integer: enough for 64 bits


class StrictJsonError(ValueError):
    """The bytes are not strict JSON. `problem` is a clause that says why and quotes nothing of the bytes."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def loads(data: bytes, *, max_bytes: int) -> object:
    """The value of `data`, of the types that `json.loads` returns. Raises StrictJsonError and nothing else."""
    if len(data) > max_bytes:
        raise StrictJsonError(f"longer than {max_bytes} bytes")
    try:
        value: object = _decoder.decode(data.decode("utf-8"))
    except UnicodeDecodeError:
        # `from None`, here and below: the original error holds the whole text, and the text may be part of a token.
        raise StrictJsonError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"not JSON from character {error.pos} on") from None
    except RecursionError:
        raise StrictJsonError(_TOO_DEEP) from None
    _check(value, DEEPEST)
    return value


_TOO_DEEP = f"nested more than {DEEPEST} levels deep"


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise StrictJsonError("an object names a key twice")
    return fields


def _integer(text: str) -> int:
    if len(text.removeprefix("-")) > MOST_DIGITS:
        raise StrictJsonError(f"an integer has more than {MOST_DIGITS} digits")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise StrictJsonError("a number is too large")
    return number


def _constant(_: str) -> NoReturn:
    raise StrictJsonError("NaN and Infinity are not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)


def _check(value: object, levels: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list):
        if not levels:
            raise StrictJsonError(_TOO_DEEP)
        for part in value:
            _check(part, levels - 1)
        for part in value.values() if isinstance(value, dict) else ():
            _check(part, levels - 1)


def _check_text(text: str) -> None:
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # JSON can escape half of a surrogate pair ("\ud800"), but UTF-8 cannot encode it
        raise StrictJsonError("a text holds half a surrogate pair") from None
