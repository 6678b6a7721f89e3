"""Writes objects as YAML that kubectl and krt read as the same objects. Pure.

PyYAML's own writer leaves texts such as y and 1e3 without quotes, which Kubernetes' YAML reads as a bool and a number.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9./_-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_TEXT_TAG = "tag:yaml.org,2002:str"


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - as PyYAML calls it
        return True  # a value that stands twice is written twice


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    is_plain = bool(_PLAIN.fullmatch(text)) and text.lower() not in _WORDS
    style = None if is_plain else "|" if "\n" in text else '"'
    return dumper.represent_scalar(_TEXT_TAG, text, style=style)


_Dumper.add_representer(str, _text)


def yaml_lines(value: Mapping[str, object]) -> list[str]:
    """The lines of one document, without separator."""
    text: str = yaml.dump(dict(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)
    return text.rstrip("\n").split("\n")
