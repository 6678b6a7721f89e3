"""krt's reader beside CUE's own library, v0.17.1: equal JSON, or both refuse, or krt asks for the program."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from krt.core.cue.evaluate import evaluate
from krt.core.cue.parse import parse
from krt.core.cue.refusals import CueBeyond, CueRefused
from krt.core.cue.result import Result
from tests.cuelang.corpus import corpus
from tests.cuelang.generate import Documents, documents
from tests.cuelang.plugin import CueReader

CORPUS = corpus()
DOCS = Path(__file__).parents[3] / "docs"
FLAGS = re.DOTALL | re.MULTILINE


def read(*texts: str) -> Result | CueRefused:
    try:
        return evaluate(*(parse(text.encode(), f"file{number}.cue") for number, text in enumerate(texts)))
    except CueRefused as refused:
        return refused


def compare(cuelang: CueReader, *texts: str) -> str:
    """How both read it: `equal`, `refused`, `beyond` or `crashed`. Anything else fails."""
    mine, theirs = read(*texts), cuelang.read(*texts)
    if theirs.crashed or isinstance(mine, CueBeyond):
        return "crashed" if theirs.crashed else "beyond"
    if isinstance(mine, CueRefused):
        assert theirs.is_refused, (texts, mine, theirs.value)
        return "refused"
    assert not theirs.is_refused, (texts, mine.value)
    assert typed(mine.value) == typed(theirs.value), (texts, mine.value, theirs.value)
    if not mine.unordered:
        assert json.dumps(mine.value) == json.dumps(theirs.value), texts
    return "equal"


def typed(value: Any) -> Any:
    """The value with its types: 1, 1.0 and true are equal to Python."""
    if isinstance(value, dict):
        return {name: typed(part) for name, part in value.items()}
    return [typed(part) for part in value] if isinstance(value, list) else (type(value), value)


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus(cuelang: CueReader, name: str) -> None:
    """Seen to fail with a quoted label as a name, and with 1 equal to 1.0."""
    compare(cuelang, CORPUS[name])


def test_the_documents_of_the_manual(cuelang: CueReader) -> None:
    """Every block of CUE in docs/ is read by krt itself; those that need values are refused by both."""
    blocks = [
        block for page in DOCS.glob("*.md") for block in re.findall(r"^```cue\n(.*?)^```", page.read_text(), FLAGS)
    ]
    ends = Counter(compare(cuelang, block) for block in blocks)
    assert ends.keys() == {"equal", "refused"}
    assert ends["equal"] >= 3


def test_of_the_corpus_most_is_read(cuelang: CueReader) -> None:
    ends = Counter(compare(cuelang, text) for text in CORPUS.values())
    assert len(CORPUS) >= 140
    assert ends["equal"] >= 80
    assert ends["refused"] >= 35
    assert ends["beyond"] <= 30


@pytest.mark.parametrize("seed", range(5))
def test_generated_documents(cuelang: CueReader, seed: int) -> None:
    """1,000 for each seed. Seen to fail with an embedded reference that is read before the fields behind it."""
    ends = Counter(compare(cuelang, text) for text in documents(seed, 1000))
    assert ends["equal"] > 100
    assert ends["refused"] > 200
    assert ends["crashed"] < 10


@pytest.mark.parametrize("seed", range(2))
def test_damaged_documents_of_the_corpus(cuelang: CueReader, seed: int) -> None:
    """600 for each seed. Seen to fail with an unused let of a loop, and with `let` in the place of a value."""
    ends, source = Counter[str](), Documents(seed)
    for text in [text for text in CORPUS.values() if text] * 5:
        ends[compare(cuelang, source.damaged(text))] += 1
    assert ends["equal"] > 50
    assert ends["refused"] > 100


def test_generated_instances_of_two_files(cuelang: CueReader) -> None:
    """Seen to fail with a name that only the second file declares."""
    found = list(documents(99, 1000))
    ends = Counter(compare(cuelang, one, other) for one, other in zip(found[::2], found[1::2], strict=True))
    assert ends["equal"] > 5


def test_the_library_says_what_the_program_prints(cue_program: Path, tmp_path: Path, cuelang: CueReader) -> None:
    """The comparison above is with the library, which is faster; this one is with `cue export`."""
    for number, text in enumerate(list(CORPUS.values())[:20]):
        file = tmp_path / f"{number}.cue"
        file.write_text(text)
        done = subprocess.run([cue_program, "export", "--out", "json", file], capture_output=True, check=False)
        theirs = cuelang.read(text)
        assert (done.returncode != 0) is theirs.is_refused, text
        if not theirs.is_refused:
            assert json.loads(done.stdout) == theirs.value
