"""Reads Kubernetes YAML as kubectl does, within bounds. Pure.

PyYAML parses: it finds the structure. The values are made here, because PyYAML's own loader follows YAML 1.1 in another
way than sigs.k8s.io/yaml, keeps the last of two equal keys silently, and has no bounds.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from krt.core.bundle.yaml_build import value_of_node
from krt.core.bundle.yaml_nodes import MOST_DEPTH, MOST_TEXT, MOST_VALUES, YamlInvalid, node_of
from krt.core.bundle.yaml_scalar import Scalar, ScalarRefused, as_json

MOST_DOCUMENT_BYTES = 4 * 1024 * 1024  # the API server takes 3 MiB of an object

_SEPARATOR = re.compile(r"^---(.*)$", re.MULTILINE)
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document that is not empty: its value as decoded JSON, and the number of its first line, from 1."""

    line: int
    value: object = field(repr=False)


def read_documents(content: bytes) -> Iterator[YamlDocument]:
    """The documents of a file that are not empty. Raises YamlInvalid.

    They are separated as in k8s.io/apimachinery, util/yaml/decoder.go: by lines that begin with `---`, after which only
    a comment may stand. A document that begins with `{` is read as JSON first.
    """
    try:
        text = content.decode().removeprefix(_BOM)
    except UnicodeDecodeError:
        raise YamlInvalid("it is not text in UTF-8") from None
    for line, part in _parts(text.replace("\r\n", "\n")):
        value = _value(line, part)
        if value is not None:
            yield YamlDocument(line, value)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The documents' texts, each with the number of its first line."""
    begin, line = 0, 1
    for found in _SEPARATOR.finditer(text):
        yield line, text[begin : found.start()]
        line += text.count("\n", begin, found.end()) + 1
        if found[1].strip() and not found[1].lstrip().startswith("#"):
            raise YamlInvalid("only a comment may follow --- on its line", line - 1)
        begin = found.end() + 1
    yield line, text[begin:]


def _value(line: int, part: str) -> object:
    if len(part) > MOST_DOCUMENT_BYTES:
        raise YamlInvalid(f"it is longer than {MOST_DOCUMENT_BYTES} bytes", line)
    if part.lstrip().startswith("{"):
        try:
            return _json(part)
        except (json.JSONDecodeError, RecursionError):
            pass  # a flow mapping of YAML
        except YamlInvalid as error:
            raise error.at(line) from None
    return _yaml(line, part)


def _yaml(line: int, part: str) -> object:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node = node_of(part, yaml.parse(part, Loader=loader))
        return None if node is None else value_of_node(node)
    except YamlInvalid as error:
        raise error.after(line) from None
    except yaml.MarkedYAMLError as error:  # its own text quotes the content
        mark = error.problem_mark or error.context_mark
        raise YamlInvalid("it is not YAML", line + mark.line if mark else line) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise YamlInvalid("it is not YAML", line) from None


def _json(text: str) -> object:
    try:
        value: object = _decoder.decode(text)
    except ValueError as error:
        if isinstance(error, YamlInvalid | json.JSONDecodeError):
            raise
        raise YamlInvalid("a number has too many digits") from None
    _check(value, MOST_DEPTH, [MOST_VALUES, MOST_TEXT])
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise YamlInvalid("a key stands twice in one mapping")
    return found


def _constant(_: str) -> object:
    raise YamlInvalid("NaN and Infinity are not JSON")


def _float(text: str) -> Scalar:
    try:
        return as_json(float(text))
    except ScalarRefused:
        raise YamlInvalid("a number is too large") from None


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)


def _check(value: object, levels: int, left: list[int]) -> None:
    """Raise YamlInvalid if the value exceeds a bound of YAML. `left` counts down values and characters."""
    left[0] -= 1
    if isinstance(value, str):
        left[1] -= len(value)
        _check_text(value)
    if levels < 0 or min(left) < 0:
        raise YamlInvalid(f"it is nested deeper than {MOST_DEPTH} levels, or holds more than {MOST_VALUES} values")
    if isinstance(value, Mapping):
        for part in value:
            _check(part, levels, left)
    if isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            _check(part, levels - 1, left)


def _check_text(text: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise YamlInvalid("a text holds half a surrogate pair")
