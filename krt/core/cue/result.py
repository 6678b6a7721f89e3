"""The value of a document as JSON, and a copy in which the constants from Secrets are masked. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from krt.core.cue.node import Elements, Node, is_exported
from krt.core.cue.refusals import CueBeyond, CueIncomplete, CueMissing, SourcePlace
from krt.core.cue.unify import Unify
from krt.core.cue.values import CueScalar, Disjunction, default_of
from krt.secret import STARS

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"
Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """`value` is the whole value. `masked` is the same, with *** for each constant that has a secret in it.

    `unordered` are the paths of structs whose fields may stand in another order than `cue` gives them.
    """

    value: JsonValue = field(repr=False)
    masked: JsonValue
    unordered: frozenset[Path] = frozenset()

    @classmethod
    def of(cls, unify: Unify, root: Node) -> "Result":
        """Evaluate everything. Raises CueRefused."""
        reading = _Reading(unify)
        value = reading.json(root, ())
        return cls(value, _masked(value, frozenset(reading.secret), ()), frozenset(reading.unordered))


class _Reading:
    def __init__(self, unify: Unify) -> None:
        self._unify = unify
        self.secret, self.unordered = set[Path](), set[Path]()

    def json(self, node: Node, path: Path) -> JsonValue:
        self._unify.evaluate(node)
        with self._unify.budget.level(node.place):
            if node.is_struct:
                if not node.is_ordered:
                    self.unordered.add(path)
                return dict(self._fields(node, path))
            if isinstance(node.value, Elements):
                return [self.json(each, (*path, at)) for at, each in enumerate(node.value.nodes)]
            return self._constant(node, path)

    def _fields(self, node: Node, path: Path) -> Iterator[tuple[str, JsonValue]]:
        for label, each in node.fields.items():
            if is_exported(label):
                name = label.removeprefix('"')
                yield name, self.json(each, (*path, name))
            else:
                self._hidden(each)

    def _hidden(self, node: Node) -> None:
        """A hidden field need not be concrete, but nothing in it may be wrong."""
        try:
            self._unify.evaluate(node)
        except CueIncomplete:
            return
        except CueMissing as error:  # `cue` takes some of these and refuses others
            raise CueBeyond(error.place, "hidden fields that are made of missing fields") from None
        elements = node.value.nodes if isinstance(node.value, Elements) else ()
        with self._unify.budget.level(node.place):
            for each in (*node.fields.values(), *elements):
                self._hidden(each)

    def _constant(self, node: Node, path: Path) -> JsonValue:
        value = default_of(node.value) if isinstance(node.value, Disjunction) else node.value
        if not isinstance(value, CueScalar):
            raise CueIncomplete(node.place, f"incomplete value: {_named(path)} has no value and no default")
        if value.is_secret:
            self.secret.add(path)
        return _json(node.place, value)


def _named(path: Path) -> str:
    return ".".join(map(str, path)) or "the document"


def _json(place: SourcePlace, value: CueScalar) -> JsonValue:
    if not isinstance(value.value, Decimal):
        return value.value
    found = float(value.value)
    if Decimal(repr(found)) != value.value:
        raise CueBeyond(place, "floats with so many digits")
    return found


def _masked(value: JsonValue, secret: frozenset[Path], path: Path) -> JsonValue:
    if path in secret:
        return STARS
    if isinstance(value, dict):
        return {name: _masked(part, secret, (*path, name)) for name, part in value.items()}
    if isinstance(value, list):
        return [_masked(part, secret, (*path, at)) for at, part in enumerate(value)]
    return value
