"""Puts values into the fields of a bundle that ask for them: `field: string @timoni(runtime:string:NAME)`. Pure.

A field's value is replaced by a constant of the type that its attribute declares, never by text that is read again. The
sentences of the refusals are Timoni's.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from krt.core.cue.nodes import (
    Attribute,
    Binary,
    Comprehension,
    Constant,
    CueDocument,
    Declaration,
    Embedding,
    Expression,
    Field,
    Let,
    ListLiteral,
    Literal,
    StructLiteral,
)
from krt.core.cue.refusals import CueBeyond
from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.refusals import FleetInvalid
from krt.secret import Secret

_ATTRIBUTE = "timoni"
_SOURCE = "runtime"
_MOST_DIGITS = 300
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<float>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?)")
_ASKED = re.compile(rf"@{_ATTRIBUTE}\({_SOURCE}:[a-z]+:([^)]+)\)")
_BOOLS = {"true": True, "false": False}


def inject(document: CueDocument, values: Mapping[str, RuntimeVariable]) -> CueDocument:
    """The document with a constant for each field whose variable has a value. Raises FleetInvalid, and CueBeyond for a
    field within an expression that krt does not look into.
    """
    injection = _Injection(values)
    struct = injection.struct(document.struct)
    if injection.problems:
        raise FleetInvalid(*injection.problems)
    for each in _unseen(document, injection):
        if _asks(each):
            raise document.beyond or CueBeyond(each.place, f"attributes @{_ATTRIBUTE}() within expressions")
    return replace(document, struct=struct)


def injected_text(document: CueDocument, values: Mapping[str, RuntimeVariable]) -> str:
    """The file's text with a constant in place of the value of each field whose variable has one.

    Raises FleetInvalid.
    """
    injection, parts, end = _Injection(values), list[str](), 0
    for each in sorted(document.attributed, key=lambda field: field.begin):
        given = injection.given(each) if each.begin >= end else None
        if given:
            parts += [document.text[end : each.begin], _written(given.value)]
            end = each.end
    if injection.problems:
        raise FleetInvalid(*injection.problems)
    return "".join((*parts, document.text[end:]))


def secrets_in(document: CueDocument, values: Mapping[str, RuntimeVariable]) -> frozenset[Secret]:
    """The secret values that the document's attributes ask for."""
    names = set(_ASKED.findall(document.text)) & values.keys()
    return frozenset(values[name].text for name in names if values[name].is_secret)


@dataclass(frozen=True, slots=True)
class _Wanted:
    kind: str
    name: str


class _Injection:
    def __init__(self, values: Mapping[str, RuntimeVariable]) -> None:
        self._values = values
        self.problems = list[str]()
        self.seen = dict[int, int]()  # where each field's value begins, and where a value that was replaced ends

    def struct(self, found: StructLiteral) -> StructLiteral:
        return replace(found, declarations=tuple(map(self._declaration, found.declarations)))

    def _declaration(self, found: Declaration) -> Declaration:
        match found:
            case Field():
                return replace(found, value=self._value(found))
            case Embedding(value=value) | Let(value=value):
                return replace(found, value=self._expression(value))
            case Comprehension():
                return self._comprehension(found)

    def _value(self, found: Field) -> Expression:
        self.seen[found.begin] = found.begin
        if given := self.given(found):
            self.seen[found.begin] = found.end
            return given
        return self._expression(found.value)

    def _comprehension(self, found: Comprehension) -> Comprehension:
        return replace(found, struct=self.struct(found.struct))

    def _expression(self, found: Expression) -> Expression:
        match found:
            case StructLiteral():
                return self.struct(found)
            case ListLiteral(elements=elements):
                return replace(found, elements=tuple(map(self._element, elements)))
            case Binary(left=left, right=right):
                return replace(found, left=self._expression(left), right=self._expression(right))
        return found

    def _element(self, found: Expression | Comprehension) -> Expression | Comprehension:
        return self._comprehension(found) if isinstance(found, Comprehension) else self._expression(found)

    def given(self, found: Field) -> Literal | None:
        """The constant for the field; None if it stays as it is, or if there is one problem more."""
        for attribute in found.attributes:
            try:
                wanted = _wanted(attribute)
                value = self._values.get(wanted.name) if wanted else None
                if wanted and value:
                    constant = _constant(wanted.kind, value.text.reveal())
                    return Literal(found.place, constant, is_secret=value.is_secret)
            except FleetInvalid as error:
                text = f"@{attribute.name}({attribute.body})"
                self.problems.append(f"{attribute.place}: failed to parse attribute '{text}': {error}")
        return None


def _unseen(document: CueDocument, injection: _Injection) -> Iterator[Field]:
    """The fields with attributes that stand neither in the tree nor within a value that was replaced."""
    end = 0
    for each in sorted(document.attributed, key=lambda field: field.begin):
        if each.begin >= end and each.begin not in injection.seen:
            yield each
        end = max(end, injection.seen.get(each.begin, 0))


def _asks(found: Field) -> bool:
    return any(each.name == _ATTRIBUTE for each in found.attributes)


def _written(constant: Constant) -> str:
    """The constant as CUE. A string is written as JSON, so nothing in it is read as an interpolation."""
    return str(constant) if isinstance(constant, Decimal) else json.dumps(constant, ensure_ascii=False)


def _wanted(attribute: Attribute) -> _Wanted | None:
    """The variable and type that the attribute names; None for an attribute of another name. Raises FleetInvalid."""
    if attribute.name != _ATTRIBUTE:
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
        return text
    if kind == "bool":
        if text not in _BOOLS:
            raise FleetInvalid("value must be 'true' or 'false'")
        return _BOOLS[text]
    number = _NUMBER.fullmatch(text)
    if not number or len(text) > _MOST_DIGITS:
        raise FleetInvalid("value must be a number")
    return Decimal(text) if number["float"] else int(text)
