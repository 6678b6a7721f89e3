"""Rewords msgspec's error about a field for the person who wrote the file. Quotes no value."""

import re

import msgspec

_EXPECTED = re.compile(r"Expected `(?P<wanted>\w+)[^`]*`(?:, got `(?P<found>\w+)`)?")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*?)`(?: - at `.*`)?")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*?)`(?: - at `.*`)?")
_PATH = re.compile(r" - at (?:`(?P<key>key)` in )?`\$\.?(?P<path>[^`]*)`$")

_WANTED = {
    "str": "text, in quotes",
    "bool": "true or false, without quotes",
    "array": "a list",
    "object": "fields with their values",
}
_FOUND = {
    "str": "is text",
    "bool": "is true or false without quotes",
    "int": "is a number",
    "float": "is a number",
    "null": "is empty",
    "array": "is a list",
    "object": "has fields of its own",
    "date": "is a date",
    "datetime": "is a time",
}


def sentence(error: msgspec.ValidationError) -> str:
    """A clause for the author of the kubeconfig's entry: the field in it, the fault, and the remedy."""
    text = str(error)
    place = _PATH.search(text)
    path = place["path"] if place else ""
    if unknown := _UNKNOWN.fullmatch(text):
        return f"krt knows no field {_under(path, unknown['name'])}: correct its name, or take it out"
    if missing := _MISSING.fullmatch(text):
        return f"the field {_under(path, missing['name'])} is missing: add it"
    expected = _EXPECTED.match(text)
    wanted = _WANTED.get(expected["wanted"], "something else") if expected else "something else"
    found = _FOUND.get(expected["found"] or "", "is of another kind") if expected else "is of another kind"
    subject = f"a name in {path or 'it'}" if place and place["key"] else f"the field {path}" if path else "it"
    return f"{subject} {found}: write {wanted}"


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
