"""Declares and reads settings: each has one environment variable, and one flag that wins over it.

All problems of a start are collected and reported at once. No sentence quotes a value that may be a secret.

Ours and not pydantic-settings, environs or dynaconf: none does all three, that is, read one flag for each variable,
report unknown variables with a proposal, and generate --help and the documentation from the same row.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol, TypeVar

from krt.errors import SettingsInvalid

# Kubernetes injects these for each Service of the namespace. A Service called `krt-web` must not stop the pod.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_INJECTED = re.compile(
    r".+_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)


OF_OTHERS = frozenset({"KRT_URL", "KRT_AUDIENCE", "KRT_PAGE_URL", "KRT_CUE"})  # of `krt notify` and `krt bundle`
_PREFIX = "KRT_"
_SYNONYMS = {**dict.fromkeys(("LISTEN", "BIND", "ADDRESS", "HOST", "URL"), "ADDR"), "REDIS": "VALKEY"}


class SettingsPart(Protocol):
    """A frozen dataclass whose fields are all settings."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


P = TypeVar("P", bound=SettingsPart)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    `parse` reads a value and raises ValueError with one sentence, or SettingsInvalid. `default` is the text of the
    default; None means that the setting is required, empty that it may be absent. An empty variable counts as not
    given; if `may_be_empty` is false, it is parsed instead, and refused.
    """

    variable: str
    flag: str
    parse: Callable[[str], Any]
    help: str
    default: str | None = ""
    metavar: str = "TEXT"
    shown: Callable[[str], str] | None = None  # prints a value that may hold a secret; None: print it as it is
    switch: bool = False
    may_be_empty: bool = True

    def __str__(self) -> str:
        return f"{self.variable} (or {self.flag})"


@dataclass(frozen=True, slots=True)
class Value:
    """The text of a setting, and its source: "flag", "variable" or "default"."""

    setting: Setting
    text: str
    source: str

    @property
    def shown(self) -> str:
        """The text as it may be printed: secrets are replaced."""
        return self.setting.shown(self.text) if self.setting.shown and self.text else self.text


def setting(variable: str, flag: str, parse: Callable[[str], Any], help: str, **more: Any) -> Any:  # noqa: A002
    """Declare a dataclass field as a setting. `more` are further fields of Setting."""
    return field(metadata={"setting": Setting(variable, flag, parse, help, **more)})


def row_of(part: type[SettingsPart], name: str, **changes: Any) -> Any:
    """Declare a dataclass field as the setting `name` of `part`, with `changes` to the row."""
    return field(metadata={"setting": replace(settings_of(part)[name], **changes)})


def settings_of(part: type[SettingsPart]) -> dict[str, Setting]:
    """The rows of one part, by field name."""
    return {f.name: f.metadata["setting"] for f in fields(part)}


class SettingsReader:
    """Reads parts, one after another, from the flags and the environment of one start.

    `rows` are the settings of each part by field, `known` all variables that may be given. `problems` collects one
    sentence for each problem, `values` each setting read.
    """

    def __init__(
        self,
        flags: Mapping[str, str],
        environ: Mapping[str, str],
        *,
        rows: Mapping[type[SettingsPart], Mapping[str, Setting]],
        known: frozenset[str],
    ) -> None:
        self._flags = flags
        self._environ = environ
        self._rows = rows
        own = {row.variable for part in rows.values() for row in part.values()}
        self.problems: list[str] = list(_unknown_variables(environ, known, own))
        self.values: list[Value] = []

    def read(self, part: type[P]) -> P | None:
        """Read the part. If a setting of it has a problem, add the problem to `problems` and return None."""
        before = len(self.problems)
        read = {name: self._read(row) for name, row in self._rows[part].items()}
        return part(**read) if len(self.problems) == before else None

    def given(self) -> frozenset[str]:
        """The variables of the settings read so far that have a value, valid or not."""
        return frozenset(value.setting.variable for value in self.values if value.text)

    def _read(self, row: Setting) -> Any:
        value = self._value(row)
        if value is None or (not value.text and row.default is None):
            self.problems.append(f"{row} is required: {row.help}")
            return None
        self.values.append(value)
        if not value.text and not row.default:
            return _nothing(row)
        try:
            value.text.encode()  # undecodable bytes are lone surrogates here, which cannot be sent or logged
            return row.parse(value.text)
        except UnicodeEncodeError:
            self.problems.append(f"{row}: write it in UTF-8")
            return None
        except ValueError as error:
            self.problems.append(f"{row}: {error}")  # the value itself may hold a secret
        except SettingsInvalid as error:
            self.problems.extend(f"{row}: {problem}" for problem in error.problems)
        return None

    def _value(self, row: Setting) -> Value | None:
        if row.flag in self._flags:
            return Value(row, self._flags[row.flag], "flag")
        if self._environ.get(row.variable) or (row.variable in self._environ and not row.may_be_empty):
            return Value(row, self._environ[row.variable], "variable")
        return None if row.default is None else Value(row, row.default, "default")


def _nothing(row: Setting) -> Any:
    # A list that is not given is an empty tuple; any other setting that is not given is None.
    return getattr(row.parse, "nothing", None)


def _unknown_variables(environ: Mapping[str, str], known: frozenset[str], own: set[str]) -> Iterator[str]:
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in known and not _INJECTED.fullmatch(name):
            # One environment may serve several roles, so another role's setting is proposed if it is nearly the same.
            meant = _named_by(name, own) or _nearest(name, own, 0.7) or _nearest(name, known - OF_OTHERS, 0.9)
            yield f"{name} is not a setting of krt{f'; did you mean {meant}?' if meant else ''}"


def _named_by(name: str, variables: AbstractSet[str]) -> str | None:
    """The only variable that has exactly the words of `name`, else the only one that has them all or synonyms."""
    words = _words(name)
    for wanted in (words, {_SYNONYMS.get(word, word) for word in words}):
        found = [variable for variable in variables if wanted == _words(variable)]
        found = found or [variable for variable in variables if wanted <= _words(variable)]
        if len(found) == 1:
            return found[0]
    return None


def _words(name: str) -> set[str]:
    return set(name.removeprefix(_PREFIX).split("_"))


def _nearest(name: str, variables: AbstractSet[str], cutoff: float) -> str | None:
    """The variable with the spelling nearest to `name`, compared without the common prefix."""
    by_rest = {variable.removeprefix(_PREFIX): variable for variable in sorted(variables)}
    found = get_close_matches(name.removeprefix(_PREFIX), by_rest, n=1, cutoff=cutoff)
    return by_rest[found[0]] if found else None
