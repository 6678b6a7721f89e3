"""What the guides for operators name is there: settings, files, log events; and what there is, they name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from krt.settings.roles import known_variables
from tests.deploy.rendered import DEPLOY

ROOT = DEPLOY.parent
GUIDES = [ROOT / "docs" / name for name in ("deployment.md", "operations.md", "migrating.md")]
_LEVELS = {"debug", "info", "warning", "error", "say"}
# Of kubectl, GitHub, the shell; and what the guides say of other programs.
NOT_OURS = {"OWNER_ID", "DEV_MODE", "ACTIONS_ID_TOKEN_REQUEST_URL", "ALLOWED_ORG"}


def logged() -> Iterator[str]:
    """Every name of an event in the source: the first argument of a Log's methods, or a row of a table of names."""
    for path in (ROOT / "krt").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr=attr, value=owner), args=[first, *_]) if attr in _LEVELS:
                    if ast.unparse(owner) in {"log", "self._denials", "denials"}:
                        yield from (each.value for each in ast.walk(first) if _is_text(each))
                case ast.AnnAssign(target=ast.Name(id="_NAMES"), value=ast.Dict(values=values)):
                    yield from (each.value for each in values if _is_text(each))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_log_event_is_explained() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    events = set(logged())
    assert len(events) > 50
    assert sorted(event for event in events if f"`{event}`" not in text) == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_variable_that_a_guide_names_is_a_setting(guide: Path) -> None:
    named = set(re.findall(r"\b(?:KRT|VALKEY|GITHUB|ALLOWED|WEB|LOG|DEV)_[A-Z0-9_]*[A-Z0-9]\b", guide.read_text()))
    assert named - known_variables() - NOT_OURS == set()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_link_of_a_guide_leads_somewhere(guide: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", guide.read_text()):
        file, _, anchor = target.partition("#")
        path = (guide.parent / file).resolve() if file else guide
        if "://" not in target:
            assert path.exists(), target
            assert not anchor or anchor in set(anchors(path.read_text())), target


def anchors(text: str) -> Iterator[str]:
    """As GitHub makes them of headings, and as the text sets them."""
    yield from re.findall(r'<a id="([^"]+)">', text)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"<[^>]+>", "", heading).lower())
        yield words.strip().replace(" ", "-")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_path_in_a_command_is_there(guide: Path) -> None:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", guide.read_text(), re.MULTILINE | re.DOTALL)
    named = {path for block in blocks for path in re.findall(r"(?<![\w/.-])deploy/[\w./-]+", block)}
    assert [path for path in named if not (ROOT / path).exists()] == []
