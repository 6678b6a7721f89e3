"""Every line that krt can log stands in docs/operations.md with its level, and nothing else stands there.

Read from the source, for a line of a fault that no test provokes counts as well.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).parent.parent
LEVELS = ("debug", "info", "warning", "error")


def test_every_event_is_documented_and_every_documented_event_exists() -> None:
    """Seen to fail with an event taken out of docs/operations.md, and with one more there."""
    assert sorted(logged()) == sorted(documented())


def test_every_event_has_the_level_that_is_documented() -> None:
    """Seen to fail with `rollout_ended` as it was: documented as a warning if it failed, and always logged as info."""
    in_code, in_docs = logged(), documented()
    assert {event: in_code[event] for event in in_code if in_code[event] != in_docs.get(event)} == {}


def documented() -> dict[str, set[str]]:
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page.partition("## Every line of the log")[2].partition("\n## ")[0]
    events: dict[str, set[str]] = {}
    for names, levels in re.findall(r"^\| (`[a-z_`, ]+`) \| ([^|]*) \|", section, re.MULTILINE):
        found = re.findall(r"`(\w+)`", names)
        said = [set(LEVELS).intersection(re.findall(r"\w+", part)) for part in levels.split(", ")]
        events |= dict(zip(found, said if len(said) == len(found) else [set().union(*said)] * len(found), strict=True))
    return events


@cache
def logged() -> dict[str, set[str]]:
    events: defaultdict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "krt").rglob("*.py"):
        module = ast.parse(path.read_text())
        for line in ast.walk(module):
            for event, levels in lines_of(line, module):
                events[event] |= levels
    return events


def lines_of(node: ast.AST, module: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """A call that logs, or a row of a table: `(log.info, "event")`."""
    match node:
        case ast.Call(spoken, [said, *_]) | ast.Tuple([spoken, said]):
            events = [part.value for part in branches(said) if isinstance(part, ast.Constant)]
            if events and (levels := levels_of(spoken, module)):
                yield from ((event, levels) for event in events)


def levels_of(spoken: ast.expr, module: ast.Module) -> set[str]:
    """`log.info`, a local name for one of two of these, or DenialLog's `say`, which logs as info."""
    match spoken:
        case ast.Attribute(ast.Name("log"), level) if level in LEVELS:
            return {level}
        case ast.Attribute(ast.Attribute(_, "_denials"), "say"):
            return {"info"}
        case ast.Name(name):
            given = [node.value for node in ast.walk(module) if assigns(node, name)]
            return set().union(*(levels_of(part, module) for value in given for part in branches(value)))
    return set()


def branches(value: ast.expr) -> Iterator[ast.expr]:
    if isinstance(value, ast.IfExp):
        yield from branches(value.body)
        yield from branches(value.orelse)
    else:
        yield value


def assigns(node: ast.AST, name: str) -> TypeGuard[ast.Assign]:
    return isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == [name]
