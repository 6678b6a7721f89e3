"""How settings are declared and read: environment first, each variable with one flag that wins over it.

Every problem of one start is collected and reported at once; what a secret holds is never part of a sentence.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol, TypeVar

from krt.errors import SettingsInvalid

# What Kubernetes injects for each Service of the namespace: one called `krt-web` must not stop the pod.
_INJECTED_ENDINGS = ("_SERVICE_HOST", "_PORT")
_INJECTED_PARTS = ("_SERVICE_PORT", "_PORT_")


class Part(Protocol):
    """A frozen dataclass, each field of which is a setting."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. `default` as it would be written; None: required; empty: nothing."""

    variable: str
    flag: str
    parse: Callable[[str], Any]
    help: str
    default: str | None = ""
    metavar: str = "TEXT"
    shown: Callable[[str], str] | None = None  # how a value that may hold a secret is printed; None: as it is
    switch: bool = False

    def __str__(self) -> str:
        return f"{self.variable} (or {self.flag})"


@dataclass(frozen=True, slots=True)
class Value:
    """A setting in force, as text, and where it came from: "flag", "variable" or "default"."""

    setting: Setting
    text: str
    source: str

    @property
    def shown(self) -> str:
        """What may be printed of it."""
        return self.setting.shown(self.text) if self.setting.shown and self.text else self.text


def setting(variable: str, flag: str, parse: Callable[[str], Any], help: str, **more: Any) -> Any:  # noqa: A002
    """Declare a dataclass field to be a setting; see `Setting` for what may follow."""
    return field(metadata={"setting": Setting(variable, flag, parse, help, **more)})


def settings_of(part: type[Part]) -> dict[str, Setting]:
    """The rows of one part, by the names of its fields."""
    return {f.name: f.metadata["setting"] for f in fields(part)}


class Reader:
    """Reads parts, one after another, from one start's flags and environment. `problems` are a sentence each."""

    def __init__(self, flags: Mapping[str, str], environ: Mapping[str, str], known: frozenset[str]) -> None:
        self._flags = flags
        self._environ = environ
        self.problems: list[str] = list(_unknown_variables(environ, known))
        self.values: list[Value] = []

    def read(self, part: type[P], **defaults: str) -> P | None:
        """The part; None if it has a problem, which joins `problems`. `defaults` replace the table's, by field."""
        before = len(self.problems)
        read = {name: self._read(row, defaults.get(name, row.default)) for name, row in settings_of(part).items()}
        return part(**read) if len(self.problems) == before else None

    def given(self) -> frozenset[str]:
        """The variables of the settings read so far that have a value, good or bad."""
        return frozenset(value.setting.variable for value in self.values if value.text)

    def _read(self, row: Setting, default: str | None) -> Any:
        value = self._value(row, default)
        if value is None:
            self.problems.append(f"{row} is required: {row.help}")
            return None
        self.values.append(value)
        try:
            return row.parse(value.text) if value.text else _nothing(row)
        except ValueError as error:
            self.problems.append(f"{row}: {error}")  # the value itself may hold a secret
        except SettingsInvalid as error:
            self.problems.extend(f"{row}: {problem}" for problem in error.problems)
        return None

    def _value(self, row: Setting, default: str | None) -> Value | None:
        if row.flag in self._flags:
            return Value(row, self._flags[row.flag], "flag")
        if self._environ.get(row.variable):
            return Value(row, self._environ[row.variable], "variable")
        return None if default is None else Value(row, default, "default")


def _nothing(row: Setting) -> Any:
    # A list that is not given is empty; any other value that is not given is None.
    return getattr(row.parse, "nothing", None)


def _unknown_variables(environ: Mapping[str, str], known: frozenset[str]) -> Iterator[str]:
    for name in sorted(environ):
        if name.startswith("KRT_") and name not in known and not _injected(name):
            near = get_close_matches(name, sorted(known), n=1, cutoff=0.0)
            yield (f"{name} is no setting of krt; did you mean {near[0]}?" if near else f"{name} is no setting of krt")


def _injected(name: str) -> bool:
    return name.endswith(_INJECTED_ENDINGS) or any(part in name for part in _INJECTED_PARTS)
