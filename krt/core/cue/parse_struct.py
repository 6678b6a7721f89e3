"""Declarations of CUE: fields, embeddings, `let`, comprehensions."""

from krt.core.cue.nodes import (
    Attribute,
    Comprehension,
    Declaration,
    Embedding,
    Expression,
    Field,
    For,
    If,
    Interpolation,
    Let,
    Literal,
    StructLiteral,
)
from krt.core.cue.parse_value import ValueParser
from krt.core.cue.refusals import SourcePlace

_AFTER_LABEL = {":", "?", "!", "~"}
_CLAUSES = ("for", "if", "let", "try")


class StructParser(ValueParser):
    """The parser of a whole file."""

    def struct(self) -> StructLiteral:
        """`{…}`. Raises CueInvalid."""
        reader, place = self.reader, self.reader.place
        reader.expect("{", "a {")
        found = self.declarations("}")
        reader.expect("}", "a comma, or the } of a struct,")
        return StructLiteral(place, found)

    def declarations(self, closing: str) -> tuple[Declaration, ...]:
        """The declarations up to the closing token, which is not read. Raises CueInvalid."""
        found = list[Declaration]()
        while self.reader.kind != closing:
            if declared := self._declaration():
                found.append(declared)
            if self.reader.kind == closing:
                break
            self.reader.expect("comma", "a comma or a line end")
        return tuple(found)

    def _declaration(self) -> Declaration | None:
        reader = self.reader
        if reader.kind == "attribute":
            self._attribute()
            return None
        if reader.take_if("..."):
            return None  # it has a meaning only in a definition, which closes a struct
        if reader.is_word("for", "if", "try") and reader.after.kind not in {":", "?", "=", "~"}:
            return self.comprehension()
        if reader.is_word("let") and reader.after.kind == "name":
            return self._let()
        return self._field_or_embedding()

    def _attribute(self) -> Attribute:
        place, text = self.reader.place, self.reader.next().text
        name, _, body = text[1:-1].partition("(")
        if name in {"if", "ignore", "experiment", "extern", "embed"}:
            self.beyond("attributes such as @if()", place)
        return Attribute(place, name, body)

    def _attributes(self) -> tuple[Attribute, ...]:
        found = list[Attribute]()
        while self.reader.kind == "attribute":
            found.append(self._attribute())
        return tuple(found)

    def _field_or_embedding(self) -> Declaration:
        place, found = self.reader.place, self._label_or_value()
        if self.reader.kind in _AFTER_LABEL:
            return self._field(place, found)
        return Embedding(place, found)

    def _label_or_value(self) -> Expression:
        """An expression, or a label: then one of _AFTER_LABEL is the next token."""
        reader, place = self.reader, self.reader.place
        while reader.kind == "name" and reader.after.kind == "=":
            self.beyond("aliases")
            reader.next()
            reader.next()
        if reader.kind in {"name", "string"} and reader.after.kind in _AFTER_LABEL and not self._is_optional_value():
            token = reader.next()
            return Literal(place, token.text) if token.kind == "name" else self.string(token, place)
        return self.expression()

    def _is_optional_value(self) -> bool:
        """Whether `name?` is a reference and not a label: no colon follows."""
        return self.reader.after.kind == "?" and self.reader.second_after.kind != ":"

    def _field(self, place: SourcePlace, first: Expression) -> Field:
        """The field from the token after its label on. `a: b: c` is read in a loop, however long it is."""
        reader, depth = self.reader, self.reader.depth
        labels = [self._label(place, first)]
        while True:
            inner, begin = reader.place, reader.token.begin
            value = self._label_or_value()
            if reader.kind not in _AFTER_LABEL:
                break
            labels.append(self._label(inner, value))
            reader.deeper()
        reader.depth, end = depth, reader.end_of_last
        attributes = self._attributes()
        field = Field(*labels.pop(), value, attributes, begin, end)
        reader.attributed += [field] if attributes else []
        while labels:
            field = Field(*labels.pop(), StructLiteral(field.place, (field,)))
        return field

    def _label(self, place: SourcePlace, label: Expression) -> tuple[SourcePlace, str | Expression, bool]:
        """Place, label, and whether names refer to the field. Reads the marks after the label, and the colon."""
        reader, is_word = self.reader, self.reader.last.kind == "name"
        if reader.take_if("~"):
            self.beyond("aliases", place)
            self._primary()
        if reader.kind in {"?", "!"}:
            self.beyond("optional fields" if reader.next().kind == "?" else "required fields", place)
        reader.expect(":", "a colon")
        if isinstance(label, Literal) and isinstance(label.value, str) and not self.is_parenthesized(label):
            if is_word and ("#" in label.value or label.value == "_" or label.value.startswith("__")):
                self.beyond("definitions", place)
            return place, label.value, is_word and label.value not in {"true", "false", "null"}
        if not isinstance(label, Interpolation) and not self.is_parenthesized(label):
            self.beyond("pattern constraints such as [string]", place)
        return place, label, False

    def _let(self) -> Let:
        place = self.reader.place
        self.reader.next()
        name = self._variable()
        self.reader.expect("=", "a = after the name")
        return Let(place, name, self.expression())

    def _variable(self) -> str:
        place, name = self.reader.place, self.reader.expect("name", "a name").text
        if "#" in name or name.startswith("__"):
            self.beyond("names of this form", place)
        return name

    def comprehension(self) -> Comprehension:
        """`for … {…}` and `if … {…}`. Raises CueInvalid."""
        reader, place = self.reader, self.reader.place
        clauses = list[For | If | Let]()
        while reader.is_word(*_CLAUSES):
            clauses.append(self._clause())
            reader.take_if("comma")
        struct = self.struct()
        if reader.is_word("else", "fallback", "otherwise"):
            reader.next()
            self.beyond("fallbacks of comprehensions", place)
            self.struct()
        return Comprehension(place, tuple(clauses), struct)

    def _clause(self) -> For | If | Let:
        reader, place = self.reader, self.reader.place
        if reader.is_word("let"):
            return self._let()
        if reader.is_word("for"):
            return self._for(place)
        if reader.next().text == "try":
            self.beyond("try clauses", place)
            return If(place, Literal(place, value=True))
        return If(place, self.expression())

    def _for(self, place: SourcePlace) -> For:
        reader = self.reader
        reader.next()
        key, value = "", self._variable()
        if reader.take_if("comma"):
            key, value = value, self._variable()
        if not reader.is_word("in"):
            raise reader.wrong("the word in is expected")
        reader.next()
        return For(place, key, value, self.expression())
