"""Takes values out of an object of a cluster, by a runtime's expressions. Pure."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from krt.core.cue.evaluate import evaluate_constant
from krt.core.cue.node import Elements, Node, NodeState, quoted
from krt.core.cue.refusals import CueBeyond, CueIncomplete, CueMissing, CueRefused, SourcePlace
from krt.core.cue.values import CueScalar, Kinds, scalar
from krt.core.fleet.refusals import FleetInvalid
from krt.core.fleet.runtime import RuntimeQuery
from krt.secret import Secret

_PLACE = SourcePlace("obj", 1)
_KINDS = {"string": "string", "int": "number", "float": "number", "bool": "bool"}


@dataclass(frozen=True, slots=True)
class RuntimeVariable:
    """A value for bundles. `kind` is string, number or bool. `is_secret` is true for a value out of a Secret."""

    kind: str
    text: Secret
    is_secret: bool = False


def extract(query: RuntimeQuery, body: Mapping[str, object]) -> dict[str, RuntimeVariable]:
    """The values by name. Raises FleetInvalid; no sentence quotes anything of the object."""
    obj = _node(_decoded(body) if query.query.is_secret else body, is_secret=query.query.is_secret)
    try:
        return {name: _value(name, *each, obj) for name, each in query.expressions.items()}
    except FleetInvalid as error:
        raise FleetInvalid(f"can't extract values from {query.query}: {error}") from None


def _value(name: str, text: str, expression: "object", obj: Node) -> RuntimeVariable:
    try:
        found = evaluate_constant(expression, "obj", obj)  # type: ignore[arg-type]
    except CueMissing as error:
        raise FleetInvalid(f"{name} lookup path error: {error.problem} in '{text}'") from None
    except CueBeyond as error:
        raise FleetInvalid(f"{name}: an expression cannot have {error.what}: '{text}'") from None
    except CueIncomplete:
        raise FleetInvalid(f"{name}: '{text}' gives no concrete value, or bytes that are not text in UTF-8") from None
    except CueRefused as error:
        raise FleetInvalid(f"{name}: {error.problem} in '{text}'") from None
    kind = _KINDS.get(found.kind) if found else None
    if found is None or kind is None:
        raise FleetInvalid(f"{name}: unsupported type returned by '{text}': it must be a string, number or bool")
    return RuntimeVariable(kind, Secret(_as_text(found)), found.is_secret)


def _as_text(found: CueScalar) -> str:
    return str(found.value).lower() if isinstance(found.value, bool) else str(found.value)


def _decoded(body: Mapping[str, object]) -> dict[str, object]:
    """The Secret with its data as texts. A value that is not text is bytes, and no variable can have bytes."""
    data = body.get("data")
    pairs = data.items() if isinstance(data, Mapping) else ()
    return {**body, "data": {name: _text(value) for name, value in pairs}}


def _text(value: object) -> object:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return Kinds(frozenset({"bytes"}))


def _node(value: object, *, is_secret: bool) -> Node:
    """The evaluated node of CUE for a value of JSON."""
    node = Node(_PLACE, state=NodeState.DONE)
    match value:
        case Mapping():
            node.is_struct = True
            node.fields.update(_fields(value, is_secret=is_secret))
        case list():
            node.value = Elements(tuple(_node(each, is_secret=is_secret) for each in value))
        case Kinds():
            node.value = value
        case _:
            node.value = scalar(_constant(value), is_secret=is_secret)
    return node


def _fields(value: "Mapping[str, object]", *, is_secret: bool) -> Iterator[tuple[str, Node]]:
    for name, part in value.items():
        yield quoted(name), _node(part, is_secret=is_secret)


def _constant(value: object) -> "bool | int | Decimal | str | None":
    if isinstance(value, float):
        return Decimal(repr(value))
    assert isinstance(value, bool | int | str | None)
    return value
