"""The reasons to refuse a CUE document: it is invalid, or it has a form that krt does not read itself."""

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
    """The document is not CUE or has no concrete value: `cue export` refuses it, too. Or it exceeds a bound of krt."""


class CueBeyond(CueRefused):
    """The document needs the program `cue`, for the form that `what` names in the plural: `imports`."""

    def __init__(self, place: SourcePlace, what: str) -> None:
        super().__init__(place, f"{what} need the cue program")
        self.what = what


class CueIncomplete(CueInvalid):
    """A value is needed that is not concrete: a type without a default, or a choice that nobody made."""


class CueMissing(CueInvalid):
    """The document selects a field or an element that does not exist."""
