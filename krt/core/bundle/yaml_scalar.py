"""The value of a YAML scalar as sigs.k8s.io/yaml has it, and so as kubectl sends it. Pure.

The rules are those of `resolve` in go.yaml.in/yaml/v2 (resolve.go, v2.4.3), with Go's strconv for numbers. They differ
from YAML 1.1 and from PyYAML: `y` and `n` are booleans, `1e3` is a number, `1:30` and `2001-01-01` are texts.
"""

import base64
import binascii
import math
import re
import struct
from decimal import Decimal

Scalar = str | int | float | bool | None

_OF_YAML = "tag:yaml.org,2002:"
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMERIC = frozenset("+-.0123456789")  # the first characters of numbers
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII)
_BINARY = re.compile(r"0b([-+][01]+)", re.ASCII)  # Go looks at the digits after `0b` once more, now with a sign
_FRACTION = re.compile(r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_LEAST, _MOST, _MOST_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1
_MOST_DIGITS = 1000  # of a number; Python itself reads 4,300 digits


class ScalarRefused(ValueError):
    """The scalar has no value in JSON. The message is a clause that quotes nothing of it."""


def value_of(text: str, tag: str | None, *, is_plain: bool) -> Scalar:
    """The value of a scalar as JSON has it. `is_plain` means that it is not quoted. Raises ScalarRefused.

    A whole number of any spelling is an int: JSON knows only one kind of number.
    """
    return as_json(_read(text, tag, is_plain=is_plain))


def key_of(text: str, tag: str | None, *, is_plain: bool) -> str:
    """The text of a key. A key of another type becomes text, as JSON demands. Raises ScalarRefused."""
    found = _read(text, tag, is_plain=is_plain)
    match found:
        case bool():
            return "true" if found else "false"
        case str():
            return found
        case None:
            raise ScalarRefused("a key is null: put it in quotes")
        case float():
            return _float_key(found)
        case int():
            if found > _MOST:
                raise ScalarRefused("a key is a number of more than 63 bits: put it in quotes")
            return str(found)


def _read(text: str, tag: str | None, *, is_plain: bool) -> Scalar:
    found = _tagged(text, tag.removeprefix(_OF_YAML)) if tag and tag.startswith(_OF_YAML) else None
    if found is not None:
        return found[0]
    return _resolved(text) if is_plain and tag is None else text  # with a private tag, such as !secret, it is text


def _tagged(text: str, kind: str) -> tuple[Scalar] | None:
    """The value of `!!kind text`, in a tuple; None if the tag means nothing to Go's reader."""
    match kind:
        case "str":
            return (text,)
        case "binary":
            return (_from_base64(text),)
        case "timestamp":
            raise ScalarRefused("the tag !!timestamp: put the time in quotes, without a tag")
        case "bool" | "int" | "float" | "null":
            return (_as_kind(_resolved(text), kind),)
    return None


def _as_kind(value: Scalar, kind: str) -> Scalar:
    fits = {
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "null": value is None,
    }
    if not fits[kind]:
        raise ScalarRefused(f"a value is not the !!{kind} that its tag names")
    return float(value) if kind == "float" and isinstance(value, int) else value


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise ScalarRefused("a value with the tag !!binary is not base64 of a text in UTF-8") from None


def _resolved(text: str) -> Scalar:
    if text in _WORDS:
        return _WORDS[text]
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | float | None:
    if text[0] == ".":
        return _finite(text) if _FRACTION.fullmatch(text) else None
    if text[0] not in _NUMERIC:
        return None
    plain = text.replace("_", "")
    number = _integer(plain)
    if number is None and _FLOAT.fullmatch(plain):
        return _finite(plain)
    return number


def _integer(text: str) -> int | None:
    if len(text) > _MOST_DIGITS:
        return None
    if found := _BINARY.fullmatch(text):
        return _in_range(int(found[1], 2), found[1][0])
    if not (found := _INTEGER.fullmatch(text)):
        return None
    sign, hexadecimal, binary, octal, decimal = found.groups()
    bases = ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10))
    return next(_in_range(int(f"{sign}{digits}", base), sign) for digits, base in bases if digits is not None)


def _in_range(number: int, sign: str) -> int | None:
    """The number if Go's ParseInt or ParseUint takes it: 64 bits, of which the last only without a sign."""
    return number if _LEAST <= number <= (_MOST if sign else _MOST_UNSIGNED) else None


def _finite(text: str) -> float | None:
    number = float(text)
    return None if math.isinf(number) else number  # beyond a float's range it stays a text


def as_json(value: Scalar) -> Scalar:
    """A value as JSON has it: Go writes whole numbers below 1e21 without a fraction. Raises ScalarRefused for NaN."""
    if not isinstance(value, float):
        return value
    if math.isnan(value) or math.isinf(value):
        raise ScalarRefused("a value is .nan or .inf, which JSON does not have: put it in quotes")
    return int(Decimal(repr(value))) if value.is_integer() and abs(value) < 1e21 else value


def _float_key(number: float) -> str:
    """As strconv.FormatFloat(number, 'g', -1, 32) writes it: the shortest text that reads as the same 32-bit float."""
    if math.isnan(number):
        return ".nan"
    if math.isinf(wanted := _in_32_bits(number)):
        return ".inf" if number > 0 else "-.inf"
    texts = (f"{wanted:.{digits}e}" for digits in range(17))
    mantissa, _, exponent = next(text for text in texts if _in_32_bits(float(text)) == wanted).partition("e")
    if -5 < int(exponent) < 6:
        return format(Decimal(f"{mantissa}e{exponent}"), "f")
    return f"{mantissa}e{exponent}"


def _in_32_bits(number: float) -> float:
    try:
        found: float = struct.unpack(">f", struct.pack(">f", number))[0]
    except OverflowError:
        return math.copysign(math.inf, number)
    return found
