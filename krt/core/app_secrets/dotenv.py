"""Reads dotenv by the rule of python-dotenv, without its interpolation: `$` means nothing. Pure.

Docker and `kubectl create secret --from-env-file` keep quotes as a part of the value; docker compose and python-dotenv
take them off. krt reads by the latter rule: a value in quotes is common, and a password with quotes around it is not.
The library's documented function passes over a line that it cannot read. Its parser says which one.
"""

import io
import re
from collections.abc import Iterator

from dotenv.parser import Binding, parse_stream

from krt.core.app_secrets.refusals import ValuesInvalid

# The library looks for a comment from each blank on: time grows with the square of the number of blanks in a row.
_MOST_BLANKS = 100
_MANY_BLANKS = re.compile(rf"[^\S\r\n]{{{_MOST_BLANKS + 1}}}")


def read_dotenv(content: bytes) -> Iterator[tuple[str, str, str]]:
    """Place, name and value of each entry; a place is such as `line 3`. Raises ValuesInvalid. No name is checked."""
    text = _text(content)
    seen: set[str] = set()
    for binding in parse_stream(io.StringIO(text)):
        name, value, where = binding.key, binding.value, f"line {_line(binding)}"
        if binding.error:
            raise ValuesInvalid(f"{where}: it is not NAME=VALUE, or a quote is not closed")
        if name is None:
            continue  # a comment, or blank lines at the end
        if value is None:
            raise ValuesInvalid(f"{where}: no = follows the name")
        if name in seen:
            raise ValuesInvalid(f"{where}: the name stands in an earlier line, too")
        seen.add(name)
        yield where, name, value


def _text(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValuesInvalid("it is not text in UTF-8") from None
    if found := _MANY_BLANKS.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ValuesInvalid(f"line {line}: more than {_MOST_BLANKS} blanks stand in a row")
    return text


def _line(binding: Binding) -> int:
    """The line in which the binding itself begins: the library counts from the blank lines in front of it."""
    blank = binding.original.string[: -len(binding.original.string.lstrip()) or None]
    return binding.original.line + len(re.findall(r"\r\n|\n|\r", blank))
