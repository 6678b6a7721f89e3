"""Evaluates a node: declarations first, then references, then comprehensions. Pure."""

from collections.abc import Iterator
from typing import Protocol

from krt.core.cue.budget import Budget
from krt.core.cue.names import names_of
from krt.core.cue.node import Conjunct, Elements, Found, LexicalScope, Node, NodeState, quoted
from krt.core.cue.nodes import (
    Binary,
    Comprehension,
    Embedding,
    Expression,
    Field,
    Let,
    Name,
    Pick,
    StructLiteral,
)
from krt.core.cue.refusals import CueBeyond, CueInvalid
from krt.core.cue.values import ANY, TYPES, CueValue, Kinds, meet

_ORDER = "fields that depend on one another in this order"


class ComputePort(Protocol):
    """The part of Compute that Unify uses."""

    def find(self, expression: Expression, scope: LexicalScope) -> Found:
        """A value, a list, or the node to which the expression refers."""

    def text(self, expression: Expression, scope: LexicalScope) -> str:
        """The value of a label's expression, which has to be a string."""

    def results(
        self, comprehension: Comprehension, scope: LexicalScope
    ) -> Iterator[tuple[StructLiteral, LexicalScope]]:
        """The struct of a comprehension, once for each result of its clauses."""


class Unify:
    """`compute` evaluates expressions. Compute sets it."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.compute: ComputePort

    def evaluate(self, node: Node) -> Node:
        """The node, DONE. Its fields may be NEW. Raises CueRefused."""
        if node.state is NodeState.DONE:
            return node
        if node.state is NodeState.BEGUN:
            raise CueBeyond(node.place, "references in a circle")
        node.state = NodeState.BEGUN
        with self.budget.level(node.place):
            for each in node.conjuncts:
                self._add(node, each)
            self._references(node)
            while node.late:
                declared, scope = node.late.pop(0)
                self._late(node, declared, scope)
                self._references(node)
        self._check(node)
        node.state = NodeState.DONE
        return node

    def _check(self, node: Node) -> None:
        node.is_struct |= node.may_be_struct and node.value is None
        if node.is_struct and node.value == Kinds(ANY):
            node.value = None
        if node.is_struct and node.value is not None:
            raise CueBeyond(node.place, "structs that are another value at once")

    def _references(self, node: Node) -> None:
        while node.embedded:
            expression, scope = node.embedded.pop(0)
            self._take(node, self.compute.find(expression, scope), expression)

    def _take(self, node: Node, found: "CueValue | Elements | Node", expression: Expression) -> None:
        """Add the target of a reference: a value, or the declarations of another node."""
        self.budget.step(expression.place)
        if not isinstance(found, Node):
            self._meet(node, found)
            return
        if found.state is NodeState.BEGUN:
            raise CueBeyond(expression.place, "references in a circle")
        self.evaluate(found)
        if found.value is not None:
            self._meet(node, found.value)
        if found.is_struct:
            node.note_late_fields()
            for each in found.conjuncts:
                self._add(node, each)

    def _add(self, node: Node, conjunct: Conjunct) -> None:
        self.budget.step(node.place)
        if not isinstance(conjunct, tuple):
            self._meet(node, conjunct)
            return
        expression, scope = conjunct
        match expression:
            case StructLiteral():
                self.open(node, expression, scope)
            case Binary(operator="&", left=left, right=right):
                self._add(node, (left, scope))
                self._add(node, (right, scope))
            case Name(name=name) if scope.find(name) is None:
                self._meet(node, Kinds(TYPES[name]))
            case Name() | Pick():
                node.embedded.append((expression, scope))
            case _:
                found = self.compute.find(expression, scope)
                self._take(node, found, expression)

    def open(self, node: Node, literal: StructLiteral, scope: LexicalScope) -> None:
        """Add a literal's declarations to the node. Raises CueRefused."""
        bound = dict[str, Node]()
        inner = LexicalScope(scope, node, names_of(literal), bound)
        for each in literal.declarations:
            if isinstance(each, Let):
                bound[each.name] = Node(each.place, [(each.value, inner)])
        if _is_transparent(literal):
            node.may_be_struct = True
        else:
            node.is_struct = True
            node.sources += any(not isinstance(each, Let) for each in literal.declarations)
        for each in literal.declarations:
            if isinstance(each, Field) and isinstance(each.label, str):
                self._field(node, each, each.label if each.is_identifier else quoted(each.label), inner)
        for each in literal.declarations:
            match each:
                case Embedding(value=value):
                    node.note_late_fields()
                    self._add(node, (value, inner))
                case Field(label=str()) | Let():
                    pass
                case _:
                    node.note_late_fields()
                    node.late.append((each, inner))

    def _field(self, node: Node, declared: Field, label: str, scope: LexicalScope) -> None:
        self.budget.step(declared.place)
        known = node.fields.get(label)
        if known is None:
            known = node.fields[label] = Node(declared.place)
        elif known.state is not NodeState.NEW:
            raise CueBeyond(declared.place, _ORDER)
        if known.place.file != declared.place.file:
            known.note_late_fields()
            node.note_late_fields()
        known.conjuncts.append((declared.value, scope))

    def _late(self, node: Node, declared: Field | Comprehension, scope: LexicalScope) -> None:
        if isinstance(declared, Field):
            assert not isinstance(declared.label, str)
            label = self.compute.text(declared.label, scope)
            self._field(node, declared, quoted(label), scope)
            return
        for struct, inner in self.compute.results(declared, scope):
            self.open(node, struct, inner)

    def _meet(self, node: Node, value: CueValue | Elements) -> None:
        if node.value is None:
            node.value = value
        elif isinstance(node.value, Elements) and isinstance(value, Elements):
            node.value = self._meet_lists(node, node.value, value)
        elif isinstance(node.value, Elements) or isinstance(value, Elements):
            kinds, elements = (value, node.value) if isinstance(node.value, Elements) else (node.value, value)
            if kinds != Kinds(ANY):
                raise self._conflict(node)
            node.value = elements
        elif (found := meet(node.value, value)) is not None:
            node.value = found
        else:
            raise self._conflict(node)

    def _meet_lists(self, node: Node, left: Elements, right: Elements) -> Elements:
        if len(left.nodes) != len(right.nodes):
            raise CueInvalid(node.place, "two lists of different lengths must be one")
        pairs = zip(left.nodes, right.nodes, strict=True)
        return Elements(tuple(Node(one.place, [*one.conjuncts, *other.conjuncts]) for one, other in pairs))

    @staticmethod
    def _conflict(node: Node) -> CueInvalid:
        return CueInvalid(node.place, "two values that differ must be one")


def _is_transparent(literal: StructLiteral) -> bool:
    """Whether the braces alone do not make a struct, as in `{c.status}` and `{if a {1}}`."""
    others = [each for each in literal.declarations if not isinstance(each, Let)]
    return bool(others) and all(isinstance(each, Embedding | Comprehension) for each in others)
