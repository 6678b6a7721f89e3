"""Evaluates expressions: names and indexes, operators, comprehensions. Pure."""

from collections.abc import Iterator
from decimal import Decimal

from krt.core.cue.node import Elements, Found, LexicalScope, Node, NodeState, is_exported, quoted
from krt.core.cue.nodes import (
    Binary,
    Comprehension,
    Expression,
    For,
    If,
    Interpolation,
    Let,
    ListLiteral,
    Literal,
    Name,
    Pick,
    StructLiteral,
    Unary,
)
from krt.core.cue.operate import apply_binary, apply_unary
from krt.core.cue.refusals import CueBeyond, CueIncomplete, CueInvalid, CueMissing, SourcePlace
from krt.core.cue.unify import Unify
from krt.core.cue.values import TYPES, CueScalar, Disjunction, Kinds, Plain, choice, default_of, scalar


class Compute:
    """Expressions in their scopes. Every method raises CueRefused."""

    def __init__(self, unify: Unify) -> None:
        self._unify, self._budget = unify, unify.budget
        unify.compute = self

    def find(self, expression: Expression, scope: LexicalScope) -> Found:
        """A value, a list, or the node to which the expression refers."""
        self._budget.step(expression.place)
        match expression:
            case Literal(value=value, is_secret=is_secret):
                return scalar(value, is_secret=is_secret)
            case Name(name=name):
                return scope.find(name) or Kinds(TYPES[name])
            case Pick():
                return self._picked(expression, scope)
            case ListLiteral():
                return Elements(tuple(self._elements(expression, scope)))
            case StructLiteral():
                return Node(expression.place, [(expression, scope)])
            case Interpolation():
                return self._interpolated(expression, scope)
            case Binary():
                return self._binary(expression, scope)
            case Unary():
                return self._unary(expression, scope)
        raise CueBeyond(expression.place, expression.what)

    def scalar(self, expression: Expression, scope: LexicalScope) -> CueScalar:
        """The value of an expression that has to be a constant."""
        found = self.concrete(expression, scope)
        if isinstance(found, CueScalar):
            return found
        raise CueBeyond(expression.place, "operators on lists and structs")

    def text(self, expression: Expression, scope: LexicalScope) -> str:
        """The value of a label's expression, which has to be a string."""
        found = self.scalar(expression, scope)
        if not isinstance(found.value, str):
            raise CueInvalid(expression.place, "the label is not a string")
        if found.is_secret:  # labels stand in errors, and in masked output
            raise CueInvalid(expression.place, "a secret is part of a label: labels are shown")
        return found.value

    def results(
        self, comprehension: Comprehension, scope: LexicalScope
    ) -> Iterator[tuple[StructLiteral, LexicalScope]]:
        """The struct of a comprehension, once for each result of its clauses."""
        return self._results(comprehension, 0, scope)

    def _results(
        self, found: Comprehension, at: int, scope: LexicalScope
    ) -> Iterator[tuple[StructLiteral, LexicalScope]]:
        self._budget.step(found.place)
        if at == len(found.clauses):
            yield found.struct, scope
            return
        match found.clauses[at]:
            case If(place=place, condition=condition):
                if self._condition(place, condition, scope):
                    yield from self._results(found, at + 1, scope)
            case Let(place=place, name=name, value=value):
                bound = {name: Node(place, [(value, scope)])}
                yield from self._results(found, at + 1, LexicalScope(scope, bound=bound))
            case For() as loop:
                for bound in self._items(loop, scope):
                    yield from self._results(found, at + 1, LexicalScope(scope, bound=bound))

    def _condition(self, place: SourcePlace, condition: Expression, scope: LexicalScope) -> bool:
        value = self.scalar(condition, scope).value
        if not isinstance(value, bool):
            raise CueInvalid(place, "the condition of an if is not a bool")
        return value

    def _items(self, loop: For, scope: LexicalScope) -> list[dict[str, Node]]:
        found = self.concrete(loop.source, scope)
        if isinstance(found, Elements):
            return [_bound(loop, number, node) for number, node in enumerate(found.nodes)]
        if isinstance(found, Node):
            fields = [(label, node) for label, node in found.fields.items() if is_exported(label)]
            if not found.is_ordered and len(fields) > 1:
                raise CueBeyond(loop.place, "loops over a struct that several structs make up")
            return [_bound(loop, label.removeprefix('"'), node) for label, node in fields]
        raise CueInvalid(loop.place, "a for goes through a list or a struct")

    def concrete(self, expression: Expression, scope: LexicalScope) -> CueScalar | Elements | Node:
        """A constant, a list, or a struct's node that is DONE."""
        found = self.find(expression, scope)
        if isinstance(found, Node):
            found = self._value(self._unify.evaluate(found))
        if isinstance(found, Disjunction):
            found = default_of(found)
        if isinstance(found, Kinds | Disjunction):
            name = _spelled(expression) or "the value that stands here"
            raise CueIncomplete(expression.place, f"incomplete value: {name} has no value and no default")
        return found

    @staticmethod
    def _value(node: Node) -> Found:
        if node.is_struct:
            return node
        if node.value is None:
            raise CueBeyond(node.place, "values of this form")
        return node.value

    def _picked(self, pick: Pick, scope: LexicalScope) -> Found:
        of = self.find(pick.of, scope)
        if isinstance(of, Node):
            if of.state is NodeState.NEW:
                self._unify.evaluate(of)
            if of.is_struct:
                return self._field(pick, of, scope)
            of = self._value(of)
        if isinstance(of, Elements):
            return self._element(pick, of, scope)
        if isinstance(of, CueScalar):
            raise CueMissing(pick.place, "a field is selected of a value that has none")
        raise CueMissing(pick.place, "a field is selected of a value that is not concrete")

    def _field(self, pick: Pick, of: Node, scope: LexicalScope) -> Node:
        label = self.scalar(pick.key, scope).value
        if not isinstance(label, str):
            raise CueInvalid(pick.place, "the name of a field is not a string")
        found = of.fields.get(label if pick.is_name else quoted(label))
        if found is None and of.state is NodeState.BEGUN:
            raise CueBeyond(pick.place, "fields that depend on one another in this order")
        if found is None:
            raise CueMissing(pick.place, "a field is selected that is not there")
        return found

    def _element(self, pick: Pick, of: Elements, scope: LexicalScope) -> Node:
        index = self.scalar(pick.key, scope).value
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(of.nodes):
            raise CueMissing(pick.place, "a list has no such element")
        return of.nodes[index]

    def _elements(self, found: ListLiteral, scope: LexicalScope) -> Iterator[Node]:
        for each in found.elements:
            if isinstance(each, Comprehension):
                for struct, inner in self.results(each, scope):
                    yield Node(each.place, [(struct, inner)])
            else:
                self._budget.step(each.place)
                yield Node(each.place, [(each, scope)])

    def _interpolated(self, found: Interpolation, scope: LexicalScope) -> CueScalar:
        parts, is_secret = list[str](), False
        for part in found.parts:
            value = part if isinstance(part, str) else self.scalar(part, scope)
            is_secret |= isinstance(value, CueScalar) and value.is_secret
            parts.append(value if isinstance(value, str) else _as_text(found.place, value))
        text = "".join(parts)
        self._budget.text(found.place, len(text))
        return CueScalar("string", text, is_secret)

    def _unary(self, found: Unary, scope: LexicalScope) -> CueScalar:
        return apply_unary(found.place, found.operator, self.scalar(found.operand, scope))

    def _binary(self, found: Binary, scope: LexicalScope) -> Found:
        if found.operator == "|":
            return self._disjunction(found, scope)
        if found.operator == "&":
            return Node(found.place, [(found, scope)])
        made = apply_binary(
            found.place, found.operator, self.scalar(found.left, scope), self.scalar(found.right, scope)
        )
        self._budget.text(found.place, len(made.value) if isinstance(made.value, str) else 0)
        return made

    def _disjunction(self, found: Binary, scope: LexicalScope) -> Found:
        values, defaults = list[Plain](), list[Plain]()
        for each in _disjuncts(found):
            is_default = isinstance(each, Unary) and each.operator == "*"
            value = self._disjunct(each.operand if isinstance(each, Unary) and is_default else each, scope)
            values.append(value)
            defaults += [value] if is_default else []
        made = choice(tuple(values), tuple(defaults))
        assert made is not None
        return made

    def _disjunct(self, expression: Expression, scope: LexicalScope) -> Plain:
        if not isinstance(expression, Literal | Interpolation | Name | Unary):
            raise CueBeyond(expression.place, "choices of such values")
        found = self.find(expression, scope)
        if isinstance(found, Node):
            found = self._value(self._unify.evaluate(found))
        if isinstance(found, CueScalar) or (isinstance(found, Kinds) and not found.kinds & {"struct", "list"}):
            return found
        raise CueBeyond(expression.place, "choices of such values")


def _bound(loop: For, key: int | str, value: Node) -> dict[str, Node]:
    """The variables of one turn of a loop."""
    both = {loop.key: Node(loop.place, [scalar(key)]), loop.value: value}
    return {name: node for name, node in both.items() if name not in {"", "_"}}


def _spelled(found: Expression) -> str:
    """A name, or a field of one, as the document spells it; "" for every other expression."""
    parts = list[str]()
    while isinstance(found, Pick) and isinstance(found.key, Literal):
        parts.append(str(found.key.value))
        found = found.of
    return ".".join((found.name, *reversed(parts))) if isinstance(found, Name) else ""


def _disjuncts(found: Expression) -> Iterator[Expression]:
    rights = list[Expression]()
    while isinstance(found, Binary) and found.operator == "|":
        rights.append(found.right)
        found = found.left
    yield found
    yield from reversed(rights)


def _as_text(place: SourcePlace, value: CueScalar) -> str:
    match value.value:
        case bool():
            return str(value.value).lower()
        case int() | str():
            return str(value.value)
        case Decimal():
            raise CueBeyond(place, "floats in a string")
    raise CueInvalid(place, "null stands in a string")
