"""Reads keys and values of an app from files: dotenv, JSON, YAML, or a folder that has one file for each key. Pure.

No error quotes a value. A text that is no key is not quoted either: it may be a line of a private key.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from krt.core.app_secrets.dotenv import read_dotenv
from krt.core.app_secrets.refusals import ValuesInvalid
from krt.core.bundle.kube_yaml import read_documents
from krt.core.bundle.yaml_nodes import YamlInvalid
from krt.core.strict_json import StrictJsonError, loads

ENV, JSON, YAML = "env", "json", "yaml"
FORMATS = (ENV, JSON, YAML)
MOST_FILE_BYTES = 4 * 1024 * 1024  # escapes of JSON and YAML may be six times as long as their text
MOST_BYTES = 1024 * 1024  # of all values of a Secret together (k8s.io/api, core/v1, MaxSecretSize)
MOST_KEYS = 5000

_SUFFIXES = {".json": JSON, ".yaml": YAML, ".yml": YAML}
# k8s.io/apimachinery, pkg/util/validation, IsConfigMapKey.
_KEY = re.compile(r"(?!\.\.?\Z)(?!\.\.)[-._a-zA-Z0-9]{1,253}\Z", re.ASCII)
_NO_KEY = "is no key of a Secret: write 1 to 253 letters, digits, dashes, underscores and dots, not two dots in front"


@dataclass(frozen=True, slots=True)
class AppValues:
    """Values by key, as bytes; `source` is the file or folder that they come from. The repr leaves the values out."""

    source: str
    data: Mapping[str, bytes] = field(repr=False)


def format_of(name: str) -> str:
    """The format of a file with this name: JSON or YAML by its suffix, else dotenv."""
    return next((form for suffix, form in _SUFFIXES.items() if name.lower().endswith(suffix)), ENV)


def read_values(source: str, form: str, content: bytes) -> AppValues:
    """The values in a file of this format, one of FORMATS. Raises ValuesInvalid."""
    try:
        return AppValues(source, dict(_checked(_texts(form, content))))
    except ValuesInvalid as error:
        raise ValuesInvalid(f"{source}: {error}") from None


def read_value_files(source: str, files: Mapping[str, bytes]) -> AppValues:
    """The values of a folder: each file's name is a key, and its bytes are the value. Raises ValuesInvalid."""
    for name in files:
        if not _KEY.match(name):
            raise ValuesInvalid(f"{source}: the name of the file {name!a} {_NO_KEY}")
    return AppValues(source, files)


def merged(parts: Iterable[AppValues]) -> dict[str, bytes]:
    """All values. Raises ValuesInvalid if there are none, too many or too much, or if a key stands in two files."""
    found: dict[str, bytes] = {}
    sources: dict[str, str] = {}
    names = list[str]()
    for part in parts:
        names.append(part.source)
        if twice := sorted(part.data.keys() & found.keys()):
            where = f"{sources[twice[0]]} and {part.source}"
            raise ValuesInvalid(f"{where} both have the key {twice[0]}: leave it out of one of them")
        found.update(part.data)
        sources.update(dict.fromkeys(part.data, part.source))
    if not found:
        raise ValuesInvalid(f"there is no key to import in {', '.join(names)}")
    return _bounded(found)


def _bounded(values: dict[str, bytes]) -> dict[str, bytes]:
    size = sum(map(len, values.values()))
    if len(values) > MOST_KEYS:
        raise ValuesInvalid(f"there are {len(values)} keys, and krt takes {MOST_KEYS} at most")
    if size > MOST_BYTES:
        raise ValuesInvalid(f"the values have {size} bytes, and a Secret holds at most {MOST_BYTES}")
    return values


def _texts(form: str, content: bytes) -> Iterator[tuple[str, str, object]]:
    """Place, key and value of each entry."""
    if len(content) > MOST_FILE_BYTES:
        raise ValuesInvalid(f"it has more than {MOST_FILE_BYTES} bytes")
    if form == ENV:
        return read_dotenv(content)
    value = _json(content) if form == JSON else _yaml(content)
    if not isinstance(value, dict):
        raise ValuesInvalid("it must be one object of keys and texts")
    return ((f"entry {number}", *entry) for number, entry in enumerate(value.items(), start=1))


def _json(content: bytes) -> object:
    try:
        return loads(content, max_bytes=MOST_FILE_BYTES)
    except StrictJsonError as error:
        raise ValuesInvalid(f"it cannot be read as JSON: {error.problem}") from None


def _yaml(content: bytes) -> object:
    try:
        documents = list(read_documents(content))
    except YamlInvalid as error:
        raise ValuesInvalid(f"it cannot be read as YAML: {error}") from None
    if len(documents) > 1:
        raise ValuesInvalid(f"line {documents[1].line}: a second document begins, and krt takes one")
    return documents[0].value if documents else {}


def _checked(texts: Iterator[tuple[str, str, object]]) -> Iterator[tuple[str, bytes]]:
    for place, key, value in texts:
        if not _KEY.match(key):
            raise ValuesInvalid(f"{place}: its name {_NO_KEY}")
        if not isinstance(value, str):
            raise ValuesInvalid(f"{place}: the value of {key} is no text: put it in quotes")
        if "\0" in value:
            raise ValuesInvalid(f"{place}: the value of {key} holds a NUL, and no environment variable can")
        yield key, value.encode()
