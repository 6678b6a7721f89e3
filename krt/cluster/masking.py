"""Removes a Secret's values from an API server's sentences: servers and admission webhooks repeat values in them."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import msgspec

from krt.cluster.wire import Cause, Status
from krt.core.secret_forms import SHORT, forms_of
from krt.secret import STARS

# Characters. A longer sentence is left out, because searching it takes long: a Secret may have 1 MiB in many lines.
_MOST_WORDS = 4096
_DATA = ("data", "stringData")
_PATHS = ("/data", "/stringData")
# The forms in which the API server itself repeats a value. Sources: pkg/util/validation/field/errors.go of
# k8s.io/apimachinery, value/value.go of sigs.k8s.io/structured-merge-diff.
_REPEATED = re.compile(
    r'(\b(?:data|stringData)\b[^:]*: \w+ value: )(?:"(?:[^"\\]|\\.)*"|.*?(?=: |$))|(\{Value:).*?(?=\})'
)


class Mask:
    """Masks an API server's sentences about one Secret.

    `sent` is the content that krt sent to the server: the Secret, or operations of a JSON Patch.
    """

    def __init__(self, sent: Any) -> None:
        self._sent = sent

    @cached_property
    def _hidden(self) -> list[str]:
        # Computed only if a text is masked, because few calls are refused. Longest first: a line is part of a value.
        leaves = {text for value in _values(self._sent) for text in _leaves(value)}
        return sorted({form for leaf in leaves for form in forms_of(leaf)}, key=len, reverse=True)

    def status(self, status: Status) -> Status:
        """The status with masked sentences."""
        if status.details is None:
            return msgspec.structs.replace(status, message=self.text(status.message))
        details = msgspec.structs.replace(status.details, causes=tuple(map(self._cause, status.causes)))
        return msgspec.structs.replace(status, message=self.text(status.message), details=details)

    def text(self, text: str) -> str:
        """The text with *** in the place of each value of the Secret; of a very long text only its length."""
        if len(text) > _MOST_WORDS:
            return f"({len(text)} characters are left out: they may repeat values of the Secret)"
        text = _REPEATED.sub(lambda found: f"{found[1] or found[2]}{STARS}", text)
        for form in self._hidden:
            text = text.replace(form, STARS) if len(form) >= SHORT else _without_word(text, form)
        return text

    def _cause(self, cause: Cause) -> Cause:
        name = f"{cause.field}: "  # without the field's name, _REPEATED does not recognise a value of the data
        return msgspec.structs.replace(cause, message=self.text(name + cause.message).removeprefix(name))


def _values(sent: Any) -> Iterator[Any]:
    if isinstance(sent, Mapping):
        return (sent.get(field) for field in _DATA)
    return (each.get("value") for each in sent if str(each.get("path")).startswith(_PATHS))


def _leaves(value: Any) -> Iterator[str]:
    """Every text and number in `value`, at any depth: a refused Secret may have any shape."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif value is not None and not isinstance(value, bool) and str(value).strip():
        yield str(value)


def _without_word(text: str, word: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", STARS, text)
