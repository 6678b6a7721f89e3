"""Parses a policy file (TOML): the rules in its bytes, or every problem with them at once."""

import tomllib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from krt.core.caller.patterns import parse_image_pattern, parse_ref_pattern, parse_tag_pattern, parse_workflow_pattern
from krt.core.caller.policy import Rule
from krt.core.caller.who import parse_who
from krt.errors import SettingsInvalid

MOST_BYTES = 1024 * 1024
_MOST_DOTS = 200  # in one line
MOST_RULES = 1000

T = TypeVar("T")

_RUNNERS = ("github-hosted", "self-hosted")
_SETTINGS_INSTEAD = {
    "audience": "the audience is the setting GITHUB_OIDC_AUDIENCE",
    "issuer": "the issuer is the setting KRT_OIDC_ISSUER",
}


def parse_policy(data: bytes) -> tuple[Rule, ...]:
    """The rules, in the file's order. Raises SettingsInvalid: its problems name rule and field, and quote values."""
    document = _document(data)
    problems = [f"unknown key {key!r}{_hint(key)}" for key in document if key != "allow"]
    tables = document.get("allow")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append("no rules: each is a [[allow]] with who and images; without one, nobody may announce anything")
    elif not tables:
        problems.append("the list of rules is empty: nobody may announce anything")
    elif len(tables) > MOST_RULES:
        problems.append(f"{len(tables)} rules: at most {MOST_RULES}")
    else:
        rules = [_rule(number, table, problems) for number, table in enumerate(tables, start=1)]
        if not problems:
            return tuple(rule for rule in rules if rule)
    raise SettingsInvalid(tuple(problems))


def _document(data: bytes) -> dict[str, Any]:
    if len(data) > MOST_BYTES:
        raise SettingsInvalid((f"longer than {MOST_BYTES} bytes",))
    # The time of tomllib grows with the square of the parts of a dotted key: a key of 1 MiB takes 40 minutes.
    if any(line.count(b".") > _MOST_DOTS for line in data.splitlines()):
        raise SettingsInvalid((f"a line of it has more than {_MOST_DOTS} dots: write one value to a line",))
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError:
        raise SettingsInvalid(("not UTF-8",)) from None
    except RecursionError:
        raise SettingsInvalid(("nested too deep",)) from None
    except ValueError as error:  # tomllib's own, and int() of very long numbers
        raise SettingsInvalid((f"not TOML: {error}",)) from error


def _rule(number: int, table: Mapping[str, object], problems: list[str]) -> Rule | None:
    found = [f"unknown key {key!r}{_hint(key)}" for key in table if key not in _FIELDS]
    found += [f"{key}: is required" for key in ("who", "images") if key not in table]
    values: dict[str, Any] = {}
    for field, read in _FIELDS.items():
        if field in table:
            try:
                values[field] = read(table[field])
            except ValueError as error:
                found.append(f"{field}: {error}")
    problems.extend(f"rule {number}, {problem}" for problem in found)
    return None if found else Rule(number=number, **values)


def _hint(key: str) -> str:
    return f": {_SETTINGS_INSTEAD[key]}" if key in _SETTINGS_INSTEAD else ""


def _text(parse: Callable[[str], T]) -> Callable[[object], T]:
    def read(value: object) -> T:
        if not isinstance(value, str) or not value:
            raise ValueError("write a text in quotes")
        try:
            return parse(value)
        except ValueError as error:
            raise ValueError(f"{value!r}: {error}") from error

    return read


def _texts(parse: Callable[[str], T]) -> Callable[[object], tuple[T, ...]]:
    read_one = _text(parse)

    def read(value: object) -> tuple[T, ...]:
        if not isinstance(value, list) or not value:
            raise ValueError("write a list with at least one text, in brackets")
        return tuple(read_one(item) for item in value)

    return read


def _event_name(text: str) -> str:
    if not text.isascii() or not text.replace("_", "").isalpha() or text != text.lower():
        raise ValueError("write names of GitHub's events, such as push or workflow_dispatch")
    return text


def _environment(text: str) -> str:
    if not text.isprintable() or len(text) > 255:
        raise ValueError("write the name of an environment")
    if set(text) & set("*{}"):
        raise ValueError("write the name of one environment in full: neither a star nor {repo} has a meaning in it")
    return text


def _runner(text: str) -> str:
    if text not in _RUNNERS:
        raise ValueError(f"write one of {', '.join(_RUNNERS)}")
    return text


def _protected(value: object) -> bool:
    if value is not True:
        raise ValueError("write true, or leave it out: a rule cannot ask for a ref that is not protected")
    return value


_FIELDS: Mapping[str, Callable[[object], Any]] = {
    "who": _text(parse_who),
    "images": _texts(parse_image_pattern),
    "ref": _texts(parse_ref_pattern),
    "tags": _texts(parse_tag_pattern),
    "workflow": _text(parse_workflow_pattern),
    "environment": _text(_environment),
    "events": _texts(_event_name),
    "runner": _text(_runner),
    "protected": _protected,
}
