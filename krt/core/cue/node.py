"""A field, list element or `let` that is evaluated on demand, and the scopes in which its expressions stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from krt.core.cue.nodes import Comprehension, Expression, Field, StructLiteral
from krt.core.cue.refusals import SourcePlace
from krt.core.cue.values import CueValue


class NodeState(Enum):
    """How far a node is evaluated."""

    NEW = auto()
    BEGUN = auto()
    DONE = auto()


@dataclass(slots=True, eq=False)
class LexicalScope:
    """The meaning of names in a struct literal: the fields of `node`, and the `bound` nodes that a `let` or `for` made.

    `names` are the fields that the literal itself declares: CUE finds names lexically.
    """

    up: "LexicalScope | None"
    node: "Node | None" = None
    names: frozenset[str] = frozenset()
    bound: Mapping[str, "Node"] = field(default_factory=dict)

    def find(self, name: str) -> "Node | None":
        """The node that the name means here; None for a predeclared name."""
        scope: LexicalScope | None = self
        while scope is not None:
            if name in scope.bound:
                return scope.bound[name]
            if scope.node and name in scope.names:
                return scope.node.fields[name]
            scope = scope.up
        return None


@dataclass(slots=True, eq=False)
class Elements:
    """A list's value."""

    nodes: tuple["Node", ...]


Found: TypeAlias = "CueValue | Elements | Node"
Conjunct: TypeAlias = "tuple[Expression, LexicalScope] | CueValue | Elements"
Late: TypeAlias = tuple[Comprehension | Field, LexicalScope]


@dataclass(slots=True, eq=False)
class Node:
    """A node has the values of all `conjuncts` at once. When it is DONE, `value` is its value, or None for a struct.

    If `may_be_struct`, its braces hold only comprehensions and embeddings: it is a struct unless it has a value.
    `fields` are those of a struct. Their order is that of their declarations, unless the struct is made up of several,
    some of which were found by references or comprehensions: `is_ordered` tells.
    """

    place: SourcePlace
    conjuncts: list[Conjunct] = field(default_factory=list)
    fields: dict[str, "Node"] = field(default_factory=dict)
    value: CueValue | Elements | None = None
    is_struct: bool = False
    may_be_struct: bool = False
    sources: int = 0
    has_late_fields: bool = False
    state: NodeState = NodeState.NEW
    embedded: list[tuple[Expression, LexicalScope]] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)

    def note_late_fields(self) -> None:
        """Note that fields may be added that stand elsewhere in the text."""
        self.has_late_fields = True
        self.sources += 1

    def prepare(self, literal: StructLiteral) -> None:
        """Make the fields to which names of other files may refer before this file is read."""
        for each in literal.declarations:
            if isinstance(each, Field) and isinstance(each.label, str) and each.is_identifier:
                self.fields.setdefault(each.label, Node(each.place))

    @property
    def is_ordered(self) -> bool:
        """Whether the order of `fields` is certain."""
        return self.sources < 2 or not self.has_late_fields


def is_exported(label: str) -> bool:
    """Whether a field is part of the value, and not hidden. `quoted` has marked labels in quotes, which never are."""
    return not label.startswith("_")


def quoted(label: str) -> str:
    """The key of a field whose label is a string: `"_x"` is not a hidden field."""
    return f'"{label}' if label.startswith(("_", '"')) else label
