"""What krt makes of CUE documents, without CUE itself: values, refusals, secrets, bounds."""

import subprocess
import sys
import time
from typing import Any

import pytest

from krt.core.cue.evaluate import evaluate, evaluate_constant
from krt.core.cue.node import LexicalScope, Node, NodeState
from krt.core.cue.nodes import CueDocument, Field, Literal, StructLiteral
from krt.core.cue.parse import parse, parse_expression
from krt.core.cue.refusals import CueBeyond, CueIncomplete, CueInvalid, CueRefused, SourcePlace
from krt.core.cue.values import scalar
from tests.fakes.pace import pace


def value(*texts: str) -> Any:
    return evaluate(*(parse(text.encode(), f"{number}.cue") for number, text in enumerate(texts))).value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('_env: "staging"\nif _env == "staging" {replicas: 1}\nif _env != "staging" {replicas: 2}', {"replicas": 1}),
        ('a: b: c: "x"\na: b: d: "\\(a.b.c)y"', {"a": {"b": {"c": "x", "d": "xy"}}}),
        ('l: *"info" | "debug"\nm: l & "debug"', {"l": "info", "m": "debug"}),
        ('_base: {n: string, u: "http://\\(n)"}\nw: _base & {n: "web"}', {"w": {"n": "web", "u": "http://web"}}),
        ('for n in ["a", "b"] {"app-\\(n)": n}', {"app-a": "a", "app-b": "b"}),
        ('p: """\n  one\n    two\n  """', {"p": "one\n  two"}),
        ("a: 2Ki\nb: -3\nc: 1.5\nd: 0x10", {"a": 2048, "b": -3, "c": 1.5, "d": 16}),
        ('"_x": 1\n_x: 2\ny: _x', {"_x": 1, "y": 2}),
    ],
)
def test_values(text: str, expected: object) -> None:
    """Seen to fail with a quoted label that begins with _ as a hidden field."""
    assert value(text) == expected


def test_files_of_one_instance_share_their_top_level_names() -> None:
    assert value('domain: "acme.example"', 'web: "https://\\(domain)"') == {
        "domain": "acme.example",
        "web": "https://acme.example",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('import "strings"\na: 1', "0.cue, line 1: imports need the cue program"),
        ("a: 1\n#D: {}", "0.cue, line 2: definitions need the cue program"),
        ("a: 1\n\nb?: 2", "0.cue, line 3: optional fields need the cue program"),
        ("if false {\n  a: [...string]\n}", "0.cue, line 2: open lists such as [...string] need the cue program"),
        ("a: len([])", "0.cue, line 1: calls such as len() need the cue program"),
        ("a: b\nb: a", "0.cue, line 2: references in a circle need the cue program"),
    ],
)
def test_a_form_beyond_the_data_part_is_refused_by_name_and_line(text: str, sentence: str) -> None:
    with pytest.raises(CueBeyond) as refused:
        value(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\na: 2", 1), ("a: {", 1), ('\na: "x', 2), ("a: nope", 1), ("if false {\nb: nope\n}", 2), ("a: 1 2", 1)],
)
def test_a_wrong_document_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(CueInvalid) as refused:
        value(text)
    assert refused.value.place == SourcePlace("0.cue", line)


@pytest.mark.parametrize("text", [r'a: "\q"', r"a: '\x41'"], ids=["not of CUE", "of CUE, in bytes"])
def test_an_escape_that_krt_does_not_know_is_refused_as_such(text: str) -> None:
    with pytest.raises(CueInvalid, match="an escape that krt does not know"):
        value(text)


def test_a_value_that_is_missing_is_named() -> None:
    with pytest.raises(CueIncomplete, match=r"incomplete value: a\.b has no value and no default"):
        value("a: b: string")


def test_a_refusal_quotes_no_value() -> None:
    with pytest.raises(CueInvalid) as refused:
        value('a: "hunter2"\na: "hunter3"\n')
    assert "hunter" not in str(refused.value)


def test_what_a_secret_goes_into_is_masked() -> None:
    """Seen to fail with an interpolation that forgets where its parts are from."""
    document = parse(b'pass: string\nurl: "tcp://:\\(pass)@redis"\nlist: [url, "plain"]\nsum: pass + "x"', "f.cue")
    result = evaluate(_with_secret(document, "hunter2"))
    assert result.value == {
        "pass": "hunter2",
        "url": "tcp://:hunter2@redis",
        "list": ["tcp://:hunter2@redis", "plain"],
        "sum": "hunter2x",
    }
    assert result.masked == {"pass": "***", "url": "***", "list": ["***", "plain"], "sum": "***"}
    assert "hunter2" not in repr(result)


def _with_secret(document: CueDocument, secret: str) -> CueDocument:
    first, *others = document.struct.declarations
    assert isinstance(first, Field)
    literal = Literal(first.place, secret, is_secret=True)
    field = Field(first.place, first.label, first.is_identifier, literal)
    return CueDocument("", StructLiteral(document.struct.place, (field, *others)))


def test_an_expression_about_an_object() -> None:
    expression = parse_expression("[for c in obj.list if c == 2 {c}][0] + 1", "for A")
    place = SourcePlace("obj", 1)
    items = parse_expression("[1, 2, 3]", "obj")
    numbers = Node(place, [(items, _no_scope())])
    obj = Node(place, is_struct=True, fields={"list": numbers}, state=NodeState.DONE)
    assert evaluate_constant(expression, "obj", obj) == scalar(3)


def _no_scope() -> Any:
    return LexicalScope(None)


def test_the_value_of_a_field_has_its_place_in_the_text() -> None:
    text = "a: b: string @timoni(runtime:string:X) // note\nc: 1 @x(y) @z()"
    document = parse(text.encode(), "f.cue")
    first, last = document.struct.declarations
    assert isinstance(first, Field)
    assert isinstance(first.value, StructLiteral)
    [inner] = first.value.declarations
    assert isinstance(inner, Field)
    assert text[inner.begin : inner.end] == "string"
    assert [(each.name, each.body) for each in inner.attributes] == [("timoni", "runtime:string:X")]
    assert isinstance(last, Field)
    assert [each.name for each in last.attributes] == ["x", "z"]


BOMBS = {
    "braces": "a: " + "{b: " * 20_000 + "1" + "}" * 20_000,
    "brackets": "a: " + "[" * 60 + "]" * 60 + "\nb: " + "(" * 90 + "1" + ")" * 90,
    "a chain of labels": "a: " * 10_000 + "1",
    "signs": "a: " + "-" * 10_000 + "1",
    "interpolations": "a: " + '"\\(' * 100_000,
    "text that grows": 'a0: "0123456789"\n' + "".join(f'a{n + 1}: "\\(a{n})\\(a{n})\\(a{n})"\n' for n in range(50)),
    "numbers that grow": "a0: 99999\n" + "".join(f"a{n + 1}: a{n} * a{n}\n" for n in range(60)),
    "structs that double": "a0: x: 1\n" + "".join(f"a{n + 1}: {{l: a{n}, r: a{n}}}\n" for n in range(50)),
    "a product of loops": "l: [1, 2, 3, 4, 5, 6, 7, 8, 9]\nr: [" + "for a in l " * 12 + "{1}]",
    "a chain of references": "".join(f"a{n}: a{n + 1} + 1\n" for n in range(5000)) + "a5000: 1",
    "a sum": "a: 1" + " + 1" * 20_000,
    "tokens": "a: [" + "1," * 400_000 + "]",
    "characters": "a: " + "9" * 1_048_577,
    "digits": "a: " + "9" * 1_000_000,
    "empty lines": "a" + "\n" * 1_000_000 + "b",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_within_a_second_with_a_sentence(name: str) -> None:
    """On the machine of docs/performance.md, when nobody else uses it."""
    began = time.process_time()
    with pytest.raises(CueRefused):
        value(BOMBS[name])
    assert time.process_time() - began < pace()


_ALL_BOMBS = """
import resource
from krt.core.cue.refusals import CueRefused
from krt.core.fleet.files import read_file_of_instance
from krt.core.fleet.refusals import FleetInvalid
from tests.core.cue.test_evaluate import BOMBS, value

NINE = ("a{0}: &a{0} [" + "*a{1}, " * 9 + "]\\n").format
ALIASES = "a0: &a0 {x: 1}\\n" + "".join(NINE(n + 1, n) for n in range(9))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for text in BOMBS.values():
    try:
        value(text)
    except CueRefused as refused:
        assert len(str(refused)) < 200
try:
    read_file_of_instance("bundle.yaml", ALIASES.encode())
except FleetInvalid as refused:
    print(refused)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_all_bombs_together_take_less_than_100_megabytes() -> None:
    """Also aliases in YAML. In a process of its own, whose highest use of memory is known."""
    done = subprocess.run([sys.executable, "-c", _ALL_BOMBS], capture_output=True, text=True, check=True)
    sentence, kibibytes = done.stdout.splitlines()
    assert "more than 200000 values" in sentence
    assert int(kibibytes) < 100 * 1024
