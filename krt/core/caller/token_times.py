"""Whether a token is valid at a given time; if it is not, which claim is at fault, and by how much.

Three commands share the rule. krt web refuses a token by it, and does not tell the job why. `krt check-policy` explains
a token. `krt notify` judges its own token after krt web has refused it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from krt.core.caller.identity import Rejection

LEEWAY_SECONDS = 10  # the clocks of issuer and krt may differ by so much
LONGEST_LIFE_SECONDS = 900  # GitHub's tokens live 300 s

_NAMES = ("exp", "iat", "nbf")


@dataclass(frozen=True, slots=True)
class TimeProblem:
    """`sentence` is for people who have the token: krt web never sends it; `krt notify` and `check-policy` print it."""

    reason: Rejection
    sentence: str


def problem_of(claims: Mapping[str, object], now: float) -> TimeProblem | None:
    """The first problem with the claims `exp`, `iat` and `nbf` at `now` (seconds since the epoch), or None."""
    for name in _NAMES:
        if type(claims.get(name)) is not int:  # not isinstance(): a bool is an instance of int
            missing = claims.get(name) is None
            reason = Rejection.BAD_CLAIMS if missing else Rejection.BAD_TIMES
            return TimeProblem(reason, f"{name} is {'missing' if missing else 'not a whole number of seconds'}")
    expires, issued, not_before = (cast("int", claims[name]) for name in _NAMES)
    return _life(expires, issued) or _end(expires, issued, now) or _beginning(issued, not_before, now)


def _life(expires: int, issued: int) -> TimeProblem | None:
    if 0 < expires - issued <= LONGEST_LIFE_SECONDS:
        return None
    said = f"it lives {expires - issued} s, from iat to exp, and krt web takes 1 to {LONGEST_LIFE_SECONDS} s"
    return TimeProblem(Rejection.BAD_TIMES, said)


def _end(expires: int, issued: int, now: float) -> TimeProblem | None:
    if expires <= now - LEEWAY_SECONDS:
        return TimeProblem(Rejection.EXPIRED, f"it expired {int(now) - expires} s ago (exp)")
    if issued < now - LONGEST_LIFE_SECONDS:
        return TimeProblem(Rejection.EXPIRED, f"it was issued {int(now) - issued} s ago (iat)")
    return None


def _beginning(issued: int, not_before: int, now: float) -> TimeProblem | None:
    latest = max(issued, not_before)
    if latest <= now + LEEWAY_SECONDS:
        return None
    name = "iat" if issued == latest else "nbf"
    said = (
        f"it is valid only in {latest - int(now)} s ({name}), and krt web allows {LEEWAY_SECONDS} s: a clock is wrong"
    )
    return TimeProblem(Rejection.NOT_YET_VALID, said)
