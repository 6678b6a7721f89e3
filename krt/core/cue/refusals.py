"""Why a CUE document is refused: it is wrong for every reader, or it is beyond what krt reads itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """A file and a line in it, from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


class CueRefused(ValueError):
    """krt has no value for the document. The message is one sentence with file and line; it quotes no value."""

    def __init__(self, place: SourcePlace, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


class CueInvalid(CueRefused):
    """The document is no CUE or has no concrete value, which `cue export` refuses, too. Or it exceeds a bound."""


class CueBeyond(CueRefused):
    """The document needs the program `cue`, for the form that `what` names in the plural: `imports`."""

    def __init__(self, place: SourcePlace, what: str) -> None:
        super().__init__(place, f"{what} need the cue program")
        self.what = what


class CueIncomplete(CueInvalid):
    """A value is needed that is not concrete: a type without a default, or a choice that nobody made."""


class CueMissing(CueInvalid):
    """A field or element is selected that is not there, or of a value that has none."""
