"""The attributes `@timoni(runtime:[string|number|bool]:[NAME])` of a bundle's fields, and the constants for them. Pure.

The sentences of the refusals are Timoni's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isinf

from krt.core.cue.nodes import Attribute, Constant, CueDocument, Field, Literal
from krt.core.cue.strings import as_cue
from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.refusals import FleetInvalid
from krt.secret import Secret

ATTRIBUTE = "timoni"
_SOURCE = "runtime"
_MOST_DIGITS = 300
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<float>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?)")
_BOOLS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class _Wanted:
    kind: str
    name: str


def secrets_in(document: CueDocument, values: Mapping[str, RuntimeVariable]) -> frozenset[Secret]:
    """The secret values that the document's attributes ask for."""
    attributes = (each for field in document.attributed for each in field.attributes if each.name == ATTRIBUTE)
    names = {each.body.split(":", 2)[-1] for each in attributes} & values.keys()
    return frozenset(values[name].text for name in names if values[name].is_secret)


def asks(found: Field) -> bool:
    """Whether the field has such an attribute."""
    return any(each.name == ATTRIBUTE for each in found.attributes)


def written(constant: Constant) -> str:
    """The constant as CUE. A string is written as JSON, so nothing in it is read as an interpolation."""
    return str(constant) if isinstance(constant, Decimal) else as_cue(constant)


def literal_for(found: Field, attribute: Attribute, values: Mapping[str, RuntimeVariable]) -> Literal | None:
    """The constant that the attribute gives its field; None without a value for its variable. Raises FleetInvalid."""
    wanted = _wanted(attribute)
    value = values.get(wanted.name) if wanted else None
    if not wanted or not value:
        return None
    return Literal(found.place, _constant(wanted.kind, value.text.reveal()), is_secret=value.is_secret)


def _wanted(attribute: Attribute) -> _Wanted | None:
    """The variable and type that the attribute names; None for an attribute of another name. Raises FleetInvalid."""
    if attribute.name != ATTRIBUTE:
        return None
    source, _, rest = attribute.body.partition(":")
    kind, _, name = rest.partition(":")
    if source != _SOURCE or not name:
        raise FleetInvalid("it must be @timoni(runtime:[string|number|bool]:[NAME])")
    if kind not in {"string", "number", "bool"}:
        raise FleetInvalid(f"unknown type '{kind}' must be string, number or bool")
    return _Wanted(kind, name)


def _constant(kind: str, text: str) -> Constant:
    """The text as a constant. Raises FleetInvalid, without a quotation: the text may be a secret."""
    if kind == "string":
        return _unicode(text)
    if kind == "bool":
        if text not in _BOOLS:
            raise FleetInvalid("value must be 'true' or 'false'")
        return _BOOLS[text]
    number = _NUMBER.fullmatch(text)
    if not number or len(text) > _MOST_DIGITS or isinf(float(text)):
        raise FleetInvalid("value must be a number")
    return Decimal(text) if number["float"] else int(text)


def _unicode(text: str) -> str:
    """The text itself. A variable of the environment may have bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise FleetInvalid("value must be text in UTF-8") from None
    return text
