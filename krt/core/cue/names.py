"""Whether each name of a document refers to something, before anything is evaluated. Pure.

CUE refuses an unknown name even in a branch that is not taken, and a `let` to which nothing refers.
Reference: https://cuelang.org/docs/reference/spec/#references-and-scopes.
"""

from collections.abc import Iterable
from typing import TypeAlias

from krt.core.cue.nodes import (
    Binary,
    Comprehension,
    Declaration,
    Embedding,
    Expression,
    Field,
    For,
    Interpolation,
    Let,
    ListLiteral,
    Name,
    Pick,
    StructLiteral,
    Unary,
)
from krt.core.cue.refusals import CueBeyond, CueInvalid, SourcePlace
from krt.core.cue.values import TYPES

_FUNCTIONS = "len close and or div mod quo rem error self"
_SIZES = "uint int8 uint8 int16 uint16 int32 uint32 rune int64 uint64 int128 uint128 float32 float64 bytes"
_BEYOND = frozenset(f"{_FUNCTIONS} {_SIZES}".split()) | {f"__{name}" for name in TYPES}

Scopes: TypeAlias = tuple[dict[str, Let | None], ...]


def names_of(struct: StructLiteral) -> frozenset[str]:
    """The names that the struct's own fields introduce."""
    return frozenset(
        each.label
        for each in struct.declarations
        if isinstance(each, Field) and each.is_identifier and isinstance(each.label, str)
    )


def check_names(struct: StructLiteral, shared: frozenset[str]) -> None:
    """Raise CueInvalid or CueBeyond if a name refers to nothing that krt reads, or if a `let` is not used.

    `shared` are the top-level names of all files of the instance.
    """
    _Check().scope(struct, (dict.fromkeys(shared),))


def check_expression(expression: Expression, name: str) -> None:
    """Check an expression in which one name means something. Raises CueInvalid or CueBeyond."""
    _Check().visit(expression, ({name: None},))


class _Check:
    """A scope maps a name to the `let` that introduces it, or to None."""

    def __init__(self) -> None:
        self._used: set[int] = set()

    def scope(self, struct: StructLiteral, scopes: Scopes) -> None:
        lets = [each for each in struct.declarations if isinstance(each, Let)]
        fields = names_of(struct)
        own: dict[str, Let | None] = dict.fromkeys(fields)
        for let in lets:
            if let.name in own:
                raise CueInvalid(let.place, "a let has the name of another let, or of a field beside it")
            own[let.name] = let
        inner = (*scopes, own)
        for each in struct.declarations:
            self._declaration(each, inner)
        self._check_used(lets)

    def _check_used(self, lets: Iterable[Let]) -> None:
        for let in lets:
            if id(let) not in self._used:
                raise CueInvalid(let.place, "nothing refers to this let")

    def _declaration(self, declared: Declaration, scopes: Scopes) -> None:
        match declared:
            case Field(label=label, value=value):
                if not isinstance(label, str):
                    self.visit(label, scopes)
                self.visit(value, scopes)
            case Embedding(value=value):
                self.visit(value, scopes)
            case Let(value=value, name=name):
                without = (*scopes[:-1], {key: let for key, let in scopes[-1].items() if key != name})
                self.visit(value, without)
            case Comprehension():
                self._comprehension(declared, scopes)

    def _comprehension(self, found: Comprehension, scopes: Scopes) -> None:
        lets = list[Let]()
        for clause in found.clauses:
            match clause:
                case For(key=key, value=value, source=source):
                    self.visit(source, scopes)
                    scopes = (*scopes, dict.fromkeys({key, value} - {"", "_"}))
                case Let(name=name, value=value):
                    self.visit(value, scopes)
                    scopes = (*scopes, {name: clause})
                    lets.append(clause)
                case _:
                    self.visit(clause.condition, scopes)
        self.scope(found.struct, scopes)
        for let in lets:
            if id(let) not in self._used:  # `cue` takes some of these
                raise CueBeyond(let.place, "let clauses to which nothing refers")

    def visit(self, found: Expression, scopes: Scopes) -> None:
        """Check the names in an expression."""
        match found:
            case Name():
                self._name(found, scopes)
            case StructLiteral():
                self.scope(found, scopes)
            case ListLiteral(elements=elements):
                for each in elements:
                    if isinstance(each, Comprehension):
                        self._comprehension(each, scopes)
                    else:
                        self.visit(each, scopes)
            case Unary(operator="*"):
                raise CueBeyond(found.place, "marks * before a value that is not a choice of several")
            case Binary(operator=operator) if operator not in {"&", "|"}:
                self._concrete(found.left, scopes)
                self._concrete(found.right, scopes)
            case Unary(operand=operand):
                self._concrete(operand, scopes)
            case _:
                for each in _parts(found):
                    self.visit(each, scopes)

    def _concrete(self, found: Expression, scopes: Scopes) -> None:
        """Visit an operand. `cue` refuses a type as operand even in a branch that is not taken."""
        if isinstance(found, Name) and not any(found.name in scope for scope in scopes):
            raise CueBeyond(found.place, "operators on types")
        self.visit(found, scopes)

    def _name(self, found: Name, scopes: Scopes) -> None:
        for scope in reversed(scopes):
            if found.name in scope:
                self._used.add(id(scope[found.name]))
                return
        _check_predeclared(found.place, found.name)


def _parts(found: Expression) -> tuple[Expression, ...]:
    """The expressions directly within an expression that opens no scope."""
    match found:
        case Interpolation(parts=parts):
            return tuple(each for each in parts if not isinstance(each, str))
        case Pick(of=of, key=key):
            return of, key
        case Binary(operator="|", left=left, right=right):
            return _unmarked(left), _unmarked(right)
        case Binary(left=left, right=right):
            return left, right
    return ()


def _unmarked(found: Expression) -> Expression:
    """The value of a choice without the mark of a default."""
    return found.operand if isinstance(found, Unary) and found.operator == "*" else found


def _check_predeclared(place: SourcePlace, name: str) -> None:
    if name in _BEYOND:
        raise CueBeyond(place, f"the type or function {name} and its like")
    if name not in TYPES:
        raise CueInvalid(place, "a name stands here to which no field, let or for gives a value")
