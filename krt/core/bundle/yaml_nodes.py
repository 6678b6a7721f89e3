"""The nodes of one YAML document: the parser's events, composed within bounds. Pure.

An alias is a copy of the node that it stands for, with the same parts. So each node knows how large it is with all
aliases expanded, before anything of it is built: a few lines of aliases can expand to gigabytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    MappingStartEvent,
    ScalarEvent,
    StreamEndEvent,
)

MOST_DEPTH = 100  # levels; the schema of a large CRD has about 40
MOST_VALUES = 200_000  # with keys, and with aliases expanded
MOST_TEXT = 8 * 1024 * 1024  # characters, with aliases expanded

_TAG_WITH_COMMA = re.compile(r"(?:&\S+\s+)?!(?!<)\S*?,")  # at the beginning of a node; `!<…>` may hold a comma


class YamlInvalid(ValueError):
    """krt cannot read the content as YAML. The message is a clause that names the line, if known, and no content."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)
        self._problem = problem
        self._line = line

    def at(self, line: int) -> "YamlInvalid":
        """The same error, in this line."""
        return YamlInvalid(self._problem, line)

    def after(self, first: int) -> "YamlInvalid":
        """The same error of a document that begins in the line `first` of its file."""
        return YamlInvalid(self._problem, first + (self._line or 1) - 1)


@dataclass(slots=True, eq=False)
class YamlNode:
    """A scalar, or a collection; `line` is counted from 1 within the document.

    `parts` are the items of a sequence, or keys and values of a mapping in turn; a scalar has none.
    """

    kind: str  # "scalar", "sequence" or "mapping"
    line: int
    text: str = ""
    tag: str | None = None
    is_plain: bool = False
    parts: list["YamlNode"] = field(default_factory=list)
    values: int = 1
    characters: int = 0
    depth: int = 0
    is_complete: bool = True
    is_alias: bool = False

    def add(self, part: "YamlNode") -> None:
        """Take a part that is complete. Raises YamlInvalid if that exceeds a bound."""
        self.parts.append(part)
        self.values += part.values
        self.characters += part.characters
        self.depth = max(self.depth, 1 + part.depth)
        if self.values > MOST_VALUES:
            raise YamlInvalid(f"it holds more than {MOST_VALUES} values, with its aliases expanded", part.line)
        if self.characters > MOST_TEXT:
            raise YamlInvalid(f"it holds more than {MOST_TEXT} characters, with its aliases expanded", part.line)
        if self.depth > MOST_DEPTH:
            raise YamlInvalid(f"it is nested deeper than {MOST_DEPTH} levels", part.line)


def node_of(text: str, events: Iterator[Any]) -> YamlNode | None:
    """The node of the only document of this text; None if there is none.

    Raises YamlInvalid, and the errors of the parser.
    """
    composed: YamlNode | None = None
    checked = _clear(text, events)
    for event in checked:
        if isinstance(event, ScalarEvent | AliasEvent | CollectionStartEvent):
            composed = _composed(event, checked)
        elif isinstance(event, DocumentEndEvent):
            _check_end(checked)
    return composed


def _clear(text: str, events: Iterator[Any]) -> Iterator[Any]:
    """The events, if no tag touches a comma: to Go's reader the comma is part of the tag, to PyYAML it is not.

    Raises YamlInvalid for such a tag.
    """
    for event in events:
        if getattr(event, "tag", None) and _TAG_WITH_COMMA.match(text, event.start_mark.index):
            raise YamlInvalid("a tag touches a comma: put a space between them", event.start_mark.line + 1)
        yield event


def _check_end(events: Iterator[Any]) -> None:
    following = next(events)
    if not isinstance(following, StreamEndEvent):
        raise YamlInvalid(
            "another document begins here without a line that begins with ---", following.start_mark.line + 1
        )


def _composed(event: Any, events: Iterator[Any]) -> YamlNode:
    anchors: dict[str, YamlNode] = {}
    stack: list[YamlNode] = []
    while True:
        done = _step(event, anchors, stack)
        if done is not None:
            if not stack:
                return done
            stack[-1].add(done)
        event = next(events)


def _step(event: Any, anchors: dict[str, YamlNode], stack: list[YamlNode]) -> YamlNode | None:
    """The node that this event completes; None if it begins a collection."""
    if isinstance(event, AliasEvent):
        return _meant(event, anchors)
    if isinstance(event, CollectionEndEvent):
        closed = stack.pop()
        closed.is_complete = True
        return closed
    made = _made(event)
    if event.anchor:
        anchors[event.anchor] = made
    if isinstance(event, ScalarEvent):
        return made
    stack.append(made)
    if len(stack) > MOST_DEPTH:
        raise YamlInvalid(f"it is nested deeper than {MOST_DEPTH} levels", made.line)
    return None


def _made(event: Any) -> YamlNode:
    line = event.start_mark.line + 1
    if isinstance(event, ScalarEvent):
        return YamlNode("scalar", line, event.value, event.tag, event.implicit[0], characters=len(event.value))
    kind = "mapping" if isinstance(event, MappingStartEvent) else "sequence"
    return YamlNode(kind, line, tag=event.tag, is_complete=False)


def _meant(event: Any, anchors: dict[str, YamlNode]) -> YamlNode:
    found = anchors.get(event.anchor)
    if found is None or not found.is_complete:
        problem = "an alias stands for a value that is not complete before the alias"
        raise YamlInvalid(problem, event.start_mark.line + 1)
    return replace(found, line=event.start_mark.line + 1, is_alias=True)
