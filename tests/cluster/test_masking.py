"""What is left of a server's words when a Secret's values are taken out, by words that servers do and could say."""

from base64 import b64encode
from time import perf_counter

import pytest

from krt.cluster.masking import Mask
from krt.cluster.wire import Cause, Status, StatusDetails
from tests.fakes.pace import slack


def packed(text: str) -> str:
    return b64encode(text.encode()).decode()


MASK = Mask(
    {
        "kind": "Secret",
        "metadata": {"name": "bundle"},
        "data": {
            "password": packed("correct horse"),
            "file": packed("USER=shop\nTOKEN: 'tok-123456'\n{\n}\n"),
            "binary": packed("\u00ff") + "AAAA",
            "pin": packed("77"),
            "empty": "",
        },
        "stringData": {"plain": 'with "quotes" and\ttab', "number": 4711},
    }
)


@pytest.mark.parametrize(
    "secret",
    [
        "correct horse",
        packed("correct horse"),
        "tok-123456",
        "USER=shop",
        'with "quotes" and\ttab',
        'with \\"quotes\\" and\\ttab',
        packed('with "quotes" and\ttab'),
        "4711",
        "77",
    ],
)
@pytest.mark.parametrize("words", ["denied: {} is no good", 'denied: "{}"', "{}", "a={},b"])
def test_a_value_is_taken_out_in_every_spelling(secret: str, words: str) -> None:
    """Seen to fail with base64 left packed, and with the lines of a value left out."""
    said = MASK.text(words.format(secret))
    assert said == words.format("***")


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ('Secret "bundle" is invalid: data: Forbidden: field is immutable when `immutable` is set', None),
        ('secrets "bundle" is forbidden: exceeded quota: requested: secrets=1', None),
        ("no 177 or 770", None),
        (
            'Secret "x" is invalid: data[.dockercfg]: Invalid value: "{\\"a\\": 1}": no JSON',
            'Secret "x" is invalid: data[.dockercfg]: Invalid value: ***: no JSON',
        ),
        ("data[a]: Invalid value: 99: no text", "data[a]: Invalid value: ***: no text"),
        (
            ".stringData.a: expected string, got &value.valueUnstructured{Value:99}",
            ".stringData.a: expected string, got &value.valueUnstructured{Value:***}",
        ),
        ('type: Invalid value: "Opaque": field is immutable', None),
    ],
)
def test_the_servers_own_words_stay_but_for_what_it_repeats(said: str, left: str | None) -> None:
    """Seen to fail with what the server repeats of its own accord left in."""
    assert MASK.text(said) == (left or said)


def test_every_part_of_an_account_is_covered() -> None:
    causes = (Cause("", "it is correct horse", "data[a]"), Cause("", 'Invalid value: "x": no', "data[b]"))
    masked = MASK.status(Status("no correct horse", "Invalid", 422, StatusDetails("bundle", "Secret", causes)))
    assert masked.message == "no ***"
    assert masked.causes == (Cause("", "it is ***", "data[a]"), Cause("", "Invalid value: ***: no", "data[b]"))
    assert (masked.reason, masked.code) == ("Invalid", 422)
    assert MASK.status(Status("no correct horse")) == Status("no ***")


def test_a_long_account_is_left_out_whole() -> None:
    """Seen to fail with the whole text."""
    said = MASK.text("x" * 5000)
    assert said == "(5000 characters are left out: they may repeat values of the Secret)"


@pytest.mark.parametrize("odd", [None, [], "text", 5, {"a": {"b": ["secret-1"]}}, True])
def test_a_secret_of_any_shape_is_read(odd: object) -> None:
    assert Mask({"data": odd, "stringData": odd}).text("secret-1 here") in {"secret-1 here", "*** here"}
    assert Mask([{"op": "add", "path": "/data/a", "value": odd}, {"op": "test"}]).text("x")


def test_the_operations_of_a_patch_have_values_too() -> None:
    operations = [{"op": "add", "path": "/data/a", "value": packed("secret-1")}]
    operations += [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1234"}]
    assert Mask(operations).text(f"secret-1, {packed('secret-1')}, 1234") == "***, ***, 1234"


@pytest.mark.alone
def test_a_mebibyte_of_lines_holds_the_loop_for_a_moment_only() -> None:
    lines = "\n".join(f"KEY_{number}=value-{number}" for number in range(40_000))
    began = perf_counter()
    said = Mask({"data": {"env": packed(lines)}}).text("no value-39999 " + "and words " * 300)
    assert said.startswith("no *** and")
    assert perf_counter() - began < slack(0.3)
