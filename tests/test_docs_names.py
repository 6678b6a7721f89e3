"""Every file, module, setting, event, metric and place that README and docs name is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from krt.settings.roles import known_variables
from tests.pages import OF_TODAY, PAGES, ROOT, Page, modules_in

each_page = pytest.mark.parametrize("page", PAGES, ids=str)
each_page_of_today = pytest.mark.parametrize("page", OF_TODAY, ids=str)

ANNOTATIONS = {
    "krt/event",
    "krt/announced",
    "krt/cause",
    "krt/restart",
    "krt/restart-pending",
    "krt/owner",
    "krt/environment",
    "krt/app",
    "krt/redeliver",
    "krt/move",
    "krt/allow-empty",
    "krt/owned-by",
    "krt/prune",
    "krt/force",
    "krt/unpack",
    "krt/delete",
}
FOLDERS = r"(?:krt|tests|deploy|docs|\.ci|\.github)"
# Of GitHub and the shell, and what the guides say of other programs.
NOT_OURS = {"OWNER_ID", "DEV_MODE", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ALLOWED_ORG"}
NOT_OURS |= {"GITHUB_ACTOR", "GITHUB_TOKEN"}


@each_page
def test_every_link_leads_somewhere(page: Page) -> None:
    """Seen to fail with a page renamed, and with a heading changed that another page leads to."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.text):
        file, _, anchor = target.partition("#")
        path = (page.path.parent / file).resolve() if file else page.path
        if "://" not in target:
            assert path.exists(), target
            assert not anchor or anchor in set(anchors(path.read_text())), target


def anchors(text: str) -> Iterator[str]:
    """As GitHub makes them of headings, and as the text sets them."""
    yield from re.findall(r'<a id="([^"]+)">', text)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"<[^>]+>", "", heading).lower())
        yield words.strip().replace(" ", "-")


@each_page_of_today
def test_every_path_is_there(page: Page) -> None:
    """Seen to fail with a file misspelt in a sentence, and in a command."""
    in_sentences = {span.rstrip("/") for span in page.spans() if re.fullmatch(rf"{FOLDERS}/[\w./-]+", span)}
    in_code = {
        path.rstrip("./")
        for code in page.blocks()
        for path in re.findall(rf"(?<![\w/.~-]){FOLDERS}/[\w./-]+(?![\w./*-])", code)
    }
    named = in_sentences | in_code
    missing = [path for path in named - ANNOTATIONS if "PACKAGE" not in path and not (ROOT / path).exists()]
    assert missing == []


@each_page_of_today
def test_every_python_file_that_is_named_alone_is_one_of_krts(page: Page) -> None:
    files = {path.name for folder in ("krt", "tests") for path in (ROOT / folder).rglob("*.py")}
    named = {span.rpartition("/")[2] for span in page.spans() if re.fullmatch(r"[\w/]+\.py", span)}
    assert named - files - OF_HYPERCORN == set()


OF_HYPERCORN = {"h11.py", "http_stream.py", "task_group.py", "worker_context.py", "app_wrappers.py", "typing.py"}


@each_page_of_today
def test_every_module_and_function_is_there(page: Page) -> None:
    """Seen to fail with `worker.settle.closes` in the table of docs/architecture.md."""
    packages = modules_in(ROOT / "krt")
    named = {span for span in page.spans() if re.fullmatch(r"[a-z]\w*(?:\.\w+)+", span)}
    ours = {name for name in named if name.partition(".")[0] in packages and not name.endswith((".py", ".md"))}
    assert {name for name in ours if not is_there(name)} == set()


def is_there(name: str) -> bool:
    """A module of krt's, or what one defines."""
    path = ROOT / "krt" / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    module = (ROOT / "krt" / name.rpartition(".")[0].replace(".", "/")).with_suffix(".py")
    return module.is_file() and name.rpartition(".")[2] in defined_in(module)


def defined_in(module: Path) -> set[str]:
    return {node.name for node in ast.parse(module.read_text()).body if isinstance(node, _DEFINITIONS)}


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@each_page
def test_every_variable_is_a_setting(page: Page) -> None:
    """Seen to fail with KRT_KIND in docs/deployment.md, and with VALKEY_ADDRESS in docs/valkey.md."""
    named = set(re.findall(r"\b(?:KRT|VALKEY|GITHUB|ALLOWED|WEB|LOG|DEV)_[A-Z0-9_]*[A-Z0-9]\b", page.text))
    of_kubernetes = {name for name in named if "_SERVICE_" in name or "_PORT_" in name}
    assert named - known_variables() - NOT_OURS - of_kubernetes - FORMER == set()


FORMER = {"KRT_ADMIN_LISTEN"}  # a mistake that the changelog speaks of


@each_page_of_today
def test_every_name_in_snake_case_stands_in_the_code(page: Page) -> None:
    """Log events, metrics, reasons, fields. Seen to fail with `journal_not_durable` misspelt in docs/valkey.md."""
    named = {name for span in page.spans() for name in re.findall(r"(?<![\w/])[a-z]+(?:_[a-z]+)+\b", span)}
    assert named - words_of_the_code() - OF_OTHERS == set()


# GitHub's events, a control group's file, the kubelet's metric.
OF_OTHERS = {
    "pull_request_target",
    "issue_comment",
    "workflow_run",
    "cfs_quota_us",
    "kubelet_volume_stats_available_bytes",
}


@cache
def words_of_the_code() -> frozenset[str]:
    files = [path for folder in ("krt", "deploy") for path in (ROOT / folder).rglob("*") if path.is_file()]
    texts = [path.read_text(encoding="utf-8") for path in files if "__pycache__" not in path.parts]
    tests = (path.stem for path in (ROOT / "tests").rglob("*.py"))  # as `python -m` has them
    return frozenset(word for text in (*texts, *tests) for word in re.findall(r"[a-z]+(?:_[a-z]+)+", text))
