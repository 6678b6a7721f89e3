"""Every sentence that README and docs quote from krt is one that krt says."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from krt.cli.main import main
from tests.oidc.tokens import NOW, claims
from tests.pages import OF_TODAY, PAGES, ROOT, page

HOLE = "\0"  # where a value stands in a sentence of the code


@cache
def said() -> tuple[str, ...]:
    """Every text in the code of krt, with holes for the values in it; of templates and scripts the whole text."""
    texts = [text for path in (ROOT / "krt").rglob("*.py") for text in _texts(ast.parse(path.read_text()))]
    others = [path.read_text() for suffix in ("html", "js") for path in (ROOT / "krt").rglob(f"*.{suffix}")]
    policies = [path.read_text() for path in (ROOT / "deploy").rglob("*.yaml")]
    return tuple(" ".join(text.split()) for text in (*texts, *others, *policies))


def _texts(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        match node:
            case ast.JoinedStr(values=parts):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in parts)
            case ast.Constant(value=str(text)):
                yield text


def is_said(sentence: str) -> bool:
    """Whether each part between two ellipses stands in some text of krt's; a number may be a value."""
    parts = [part.strip(" .,;") for part in sentence.split("…")]
    return all(any(_pattern(part).search(text) for text in said()) for part in parts if part)


def _pattern(part: str) -> re.Pattern[str]:
    words = (rf"(?:\d+|{HOLE})".join(map(re.escape, re.split(r"\d+", word))) for word in part.split())
    return re.compile(r"\s".join(words))


def quoted() -> list[str]:
    """What the tables of sentences quote, and whatever else has an ellipsis and four words."""
    quoting = (
        ("operations.md", '## <a id="sentences"></a>Sentences, and what to do'),
        ("page.md", "## What it shows"),
        ("delivery.md", "## Every refusal"),
    )
    cells = [cells[0] for name, heading in quoting for cells in page(name).rows(heading)]
    spans = [span for cell in cells for span in re.findall(r"`([^`]+)`", cell)]
    ends = [cells[0] for cells in page("github-actions.md").rows("## What every ending means") if "`" not in cells[0]]
    others = [span for each in OF_TODAY for span in each.spans() if "…" in span and len(span.split()) >= 4]
    return sorted({*spans, *ends, *others} - OF_OTHERS)


# Of the operating system; the form of a sentence; a name of a resource.
OF_OTHERS = {"… Too many open files", "krt: VARIABLE (or --flag) …", "deployments in …: …"}
OF_OTHERS |= {"Valkey at … cannot be reached: … Connection refused", "progress: journal: no progress for 45 s: …"}
OF_OTHERS |= {"Seen to fail with …", "user krt-worker-eu on #digest …"}


def test_there_are_sentences() -> None:
    assert len(quoted()) > 30


@pytest.mark.parametrize("sentence", quoted())
def test_every_sentence_that_is_quoted_is_one_of_krts(sentence: str) -> None:
    """Seen to fail with `the limit of open file is …`, and with a sentence changed in krt/broker/failures.py."""
    assert is_said(sentence)


def test_a_sentence_that_nobody_says_is_found() -> None:
    assert not is_said("krt has no idea")
    assert not is_said("the limit of open files … is too high")


def printed() -> list[str]:
    """What the docs show of krt's output: cells of four words or more; what begins with an image is put together."""
    blocks = [PAGES[0].blocks("")[1], *page("operations.md").blocks("console")]
    lines = [line for block in blocks for line in block.splitlines() if line[:2] != "$ " and "KRT_URL=" not in line]
    cells = [cell for line in lines for cell in re.split(r"  +", line) if len(cell.split()) >= 4]
    return [cell for cell in cells if not cell.startswith("ghcr.io/")]


@pytest.mark.parametrize("text", printed())
def test_every_line_of_an_example_is_one_that_krt_prints(text: str) -> None:
    """Seen to fail with `krt all --dev, to try krt out` in the README."""
    own = (each for each in said() if len(each.replace(HOLE, "")) > 8)
    assert any(re.fullmatch(re.escape(each).replace(HOLE, ".+"), text) for each in own)


def test_the_example_of_check_policy_is_what_it_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail with another environment in the policy of docs/policy.md."""
    [command, *lines] = page("policy.md").blocks("console")[0].splitlines()
    (tmp_path / "krt.toml").write_text(page("policy.md").blocks("toml")[0])
    (tmp_path / "claims.json").write_text(json.dumps(claims()))
    argv = [str(tmp_path / word) if word in {"krt.toml", "claims.json"} else word for word in command.split()[2:]]
    assert main([*argv, "--at", str(NOW)], {}) == 1
    assert capsys.readouterr().out.splitlines() == lines
