"""Expressions of CUE: operators, operands, calls, lists."""

from krt.core.cue.lexemes import Lexeme
from krt.core.cue.nodes import (
    Beyond,
    Binary,
    Comprehension,
    Constant,
    Expression,
    Interpolation,
    ListLiteral,
    Literal,
    Name,
    Pick,
    StructLiteral,
    Unary,
)
from krt.core.cue.reader import MOST_DEPTH, TokenReader
from krt.core.cue.refusals import CueBeyond, SourcePlace

# Reference: https://cuelang.org/docs/reference/spec/#operator-precedence.
_PRECEDENCE = {
    "|": 1, "&": 2, "||": 3, "&&": 4,
    "==": 5, "!=": 5, "<": 5, "<=": 5, ">": 5, ">=": 5, "=~": 5, "!~": 5,
    "+": 6, "-": 6, "*": 7, "/": 7,
}  # fmt: skip
_UNARY = {"+", "-", "!", "*"}
_BOUNDS = {"<", "<=", ">", ">=", "!=", "=~", "!~", "=="}
_WORDS: dict[str, Constant] = {"true": True, "false": False, "null": None}


class ValueParser:
    """The parser of all expressions but structs and comprehensions, which StructParser adds."""

    def __init__(self, reader: TokenReader) -> None:
        self.reader = reader
        self._parenthesized: Expression | None = None

    def struct(self) -> StructLiteral:
        """`{…}`."""
        raise NotImplementedError

    def comprehension(self) -> Comprehension:
        """`for … {…}` and `if … {…}`."""
        raise NotImplementedError

    def expression(self, least: int = 1) -> Expression:
        """An expression whose operators have at least the precedence `least`. Raises CueInvalid."""
        reader = self.reader
        reader.deeper()
        found = self._operand()
        while _PRECEDENCE.get(reader.kind, 0) >= least:
            place, operator = reader.place, reader.next().kind
            right = self.expression(_PRECEDENCE[operator] + 1)
            found = self._binary(place, operator, found, right)
        reader.depth -= 1
        return found

    def _binary(self, place: SourcePlace, operator: str, left: Expression, right: Expression) -> Expression:
        if operator in {"=~", "!~"}:
            return self.beyond("regular expressions", place)
        return Binary(place, operator, left, right)

    def beyond(self, what: str, place: SourcePlace | None = None) -> Beyond:
        """Note a form that only the program `cue` reads."""
        place = place or self.reader.place
        self.reader.note(what, place)
        return Beyond(place, what)

    def _operand(self) -> Expression:
        reader, marks = self.reader, list[tuple[SourcePlace, str]]()
        while reader.kind in _UNARY | _BOUNDS:
            if reader.kind in _BOUNDS:
                self.beyond("regular expressions" if "~" in reader.kind else "bounds such as >0")
            marks.append((reader.place, reader.next().kind))
        if len(marks) > MOST_DEPTH:
            raise reader.wrong(f"more than {MOST_DEPTH} signs stand before a value")
        found = self._primary()
        for place, mark in reversed(marks):
            found = Unary(place, mark, found)
        return found

    def _primary(self) -> Expression:
        found, picks = self._simple(), 0
        while self.reader.kind in {".", "[", "(", "?"}:
            picks += 1
            if picks > MOST_DEPTH:
                raise self.reader.wrong(f"more than {MOST_DEPTH} fields are selected one of another")
            found = self._more(found)
        return found

    def _more(self, found: Expression) -> Expression:
        place, kind = self.reader.place, self.reader.kind
        if kind == "?":
            if self.reader.after.kind == ":":
                return found
            self.reader.next()
            return self.beyond("optional references", place)
        self.reader.next()
        if kind == ".":
            is_name = self.reader.kind == "name"
            return Pick(place, found, self._selector(), is_name)
        if kind == "(":
            return self._call(place, found)
        return self._index(place, found)

    def _selector(self) -> Expression:
        place = self.reader.place
        if self.reader.kind == "name":
            name = self.reader.next().text
            return self.beyond("definitions", place) if "#" in name else Literal(place, name)
        if self.reader.kind != "string":
            raise self.reader.wrong("the name of a field is expected after a dot")
        return self.string(self.reader.next())

    def _call(self, place: SourcePlace, of: Expression) -> Expression:
        while self.reader.kind != ")":
            self.expression()
            if not self.reader.take_if("comma"):
                break
        self.reader.expect(")", "the ) after arguments")
        what = f"calls such as {of.name}()" if isinstance(of, Name) else "calls of functions"
        return self.beyond(what, place)

    def _index(self, place: SourcePlace, of: Expression) -> Expression:
        key = None if self.reader.kind == ":" else self.expression()
        if self.reader.take_if(":"):
            if self.reader.kind != "]":
                self.expression()
            key = self.beyond("slices", place)
        self.reader.take_if("comma")
        self.reader.expect("]", "the ] after an index")
        return Pick(place, of, key or self.beyond("slices", place))

    def _simple(self) -> Expression:
        reader, place = self.reader, self.reader.place
        match reader.kind:
            case "{":
                return self.struct()
            case "[":
                return self.list()
            case "(":
                return self._parenthesis()
            case "name":
                return self._name(place, reader.next().text)
            case "number":
                return Literal(place, reader.next().value)
            case "string":
                return self.string(reader.next(), place)
            case "bytes":
                reader.next()
                return self.beyond("bytes", place)
            case "_|_":
                reader.next()
                return self.beyond("errors (_|_)", place)
        raise reader.wrong("a value is expected")

    def _parenthesis(self) -> Expression:
        self.reader.next()
        found = self.expression()
        if self.reader.token.text == "\n":
            self.reader.next()
        self.reader.expect(")", "a )")
        self._parenthesized = found
        return found

    def is_parenthesized(self, found: Expression) -> bool:
        """Whether this expression was the last one in parentheses."""
        return found is self._parenthesized

    def _name(self, place: SourcePlace, name: str) -> Expression:
        if name in _WORDS:
            return Literal(place, _WORDS[name])
        if name == "let" and self.reader.kind == "name":  # `cue` passes over some of these
            raise CueBeyond(place, "let clauses in the place of a value")
        if "#" in name or name.startswith("__"):
            return self.beyond("definitions", place)
        return Name(place, name)

    def string(self, token: Lexeme, place: SourcePlace | None = None) -> Expression:
        """The text or interpolation of a string's token. Raises CueInvalid."""
        place = place or self.reader.place
        if len(token.parts) == 1 and isinstance(token.parts[0], str):
            return Literal(place, token.parts[0])
        parts = [part if isinstance(part, str) else self._interpolated(part) for part in token.parts]
        return Interpolation(place, tuple(parts))

    def _interpolated(self, tokens: tuple[Lexeme, ...]) -> Expression:
        outer, self.reader = self.reader, self.reader.within(tokens)
        found = self.expression()
        if self.reader.kind == "comma" and self.reader.token.text == "\n":
            self.reader.next()
        if self.reader.kind != "end":
            raise self.reader.wrong("one expression is expected in an interpolation")
        outer.beyond = outer.beyond or self.reader.beyond
        self.reader = outer
        return found

    def list(self) -> Expression:
        """`[…]`. Raises CueInvalid."""
        reader, place = self.reader, self.reader.place
        reader.next()
        elements, is_open = list[Expression | Comprehension](), False
        while reader.kind != "]":
            if reader.take_if("..."):
                is_open = True
                if reader.kind not in {"comma", "]"}:
                    self.expression()
            else:
                elements.append(self._element())
            if not reader.take_if("comma"):
                break
            if is_open:
                break
        reader.expect("]", "a comma, or the ] of a list,")
        return self.beyond("open lists such as [...string]", place) if is_open else ListLiteral(place, tuple(elements))

    def _element(self) -> Expression | Comprehension:
        reader = self.reader
        if reader.is_word("for", "if", "try"):
            return self.comprehension()
        if reader.kind == "name" and reader.after.kind == "=":
            self.beyond("aliases")
            reader.next()
            reader.next()
        return self.expression()
