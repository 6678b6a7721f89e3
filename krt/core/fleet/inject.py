"""Puts values into the fields of a bundle that ask for them: `field: string @timoni(runtime:string:NAME)`. Pure.

A field's value is replaced by a constant of the type that its attribute declares, never by text that is read again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from krt.core.cue.nodes import (
    Binary,
    Comprehension,
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
from krt.core.fleet.attributes import ATTRIBUTE, asks, literal_for, written
from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.refusals import FleetInvalid


def inject(document: CueDocument, values: Mapping[str, RuntimeVariable]) -> CueDocument:
    """The document with a constant for each field whose variable has a value. Raises FleetInvalid, and CueBeyond for a
    field within an expression that krt does not look into.
    """
    injection = _Injection(values)
    struct = injection.struct(document.struct)
    if injection.problems:
        raise FleetInvalid(*injection.problems)
    for each in _unseen(document, injection):
        if asks(each):
            raise document.beyond or CueBeyond(each.place, f"attributes @{ATTRIBUTE}() within expressions")
    return replace(document, struct=struct)


def injected_text(document: CueDocument, values: Mapping[str, RuntimeVariable]) -> str:
    """The file's text with a constant in place of the value of each field whose variable has one.

    Raises FleetInvalid.
    """
    injection, parts, end = _Injection(values), list[str](), 0
    for each in sorted(document.attributed, key=lambda field: field.begin):
        given = injection.given(each) if each.begin >= end else None
        if given:
            parts += [document.text[end : each.begin], written(given.value)]
            end = each.end
    if injection.problems:
        raise FleetInvalid(*injection.problems)
    return "".join((*parts, document.text[end:]))


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
                if literal := literal_for(found, attribute, self._values):
                    return literal
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
