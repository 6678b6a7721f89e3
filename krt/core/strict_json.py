"""JSON from people we do not trust: one reading of every text, or none.

Refuses what another reader of the same bytes might read differently, or not at all: keys twice, NaN, UTF-16.
"""

import json
import math
from typing import NoReturn

DEEPEST = 32  # the deepest that krt reads on purpose is 4 (a key set); beyond, comparing or printing may overflow
MOST_DIGITS = 20  # of an integer: enough for 64 bits


class StrictJsonError(ValueError):
    """The bytes are no strict JSON. `problem` is a clause that says why, without a word of theirs."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def loads(data: bytes, *, max_bytes: int) -> object:
    """The value that `data` stands for, as `json.loads` reads it. Raises StrictJsonError and nothing else."""
    if len(data) > max_bytes:
        raise StrictJsonError(f"longer than {max_bytes} bytes")
    try:
        value: object = _decoder.decode(data.decode("utf-8"))
    except UnicodeDecodeError:
        # `from None`, here and below: these errors carry the whole text, which may be a token's.
        raise StrictJsonError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"not JSON from character {error.pos} on") from None
    except RecursionError:
        raise StrictJsonError(_TOO_DEEP) from None
    _check(value, DEEPEST)
    return value


_TOO_DEEP = f"nested more than {DEEPEST} deep"


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
    raise StrictJsonError("NaN and Infinity are no JSON")


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
    except UnicodeEncodeError:  # JSON may write half a pair ("\ud800"), but it cannot be sent, stored or logged
        raise StrictJsonError("a text holds half a surrogate pair") from None
