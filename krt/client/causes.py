"""Why krt web may have answered 401: it tells nobody, so the job judges its own token, by the clock that it shows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from krt.client.claims import Claims
from krt.core.caller.identity import VerifiedClaims, from_claims
from krt.core.caller.token_times import LEEWAY_SECONDS, problem_of
from krt.errors import TokenRejected

GITHUB = "https://token.actions.githubusercontent.com"
_NEEDED = (
    *("iss", "aud", "exp", "iat", "nbf", "jti", "repository", "repository_id", "repository_owner"),
    *("repository_owner_id", "ref", "sha", "event_name", "run_id", "run_attempt"),
)


@dataclass(frozen=True, slots=True)
class Causes:
    """`certain`: each alone is a 401. `possible`: what cannot be seen from here, where nothing is certain.

    `judged_at` is krt web's clock by its Date header, in seconds since the epoch; None where it showed none.
    """

    certain: tuple[str, ...]
    possible: tuple[str, ...]
    judged_at: float | None


def of(claims: Claims, date: str, now: float) -> Causes:
    """Of a 401 to a token with these claims; `date` is its Date header, `now` this machine's clock."""
    shown = _seconds(date)
    said = msgspec.to_builtins(claims)
    certain = tuple(_certain(said, shown, now))
    return Causes(certain, () if certain else tuple(_possible(claims, shown)), shown)


def _certain(claims: dict[str, object], shown: float | None, now: float) -> list[str]:
    if not claims:
        return ["the token holds no claims that can be read"]
    missing = [name for name in _NEEDED if claims.get(name) is None]
    if missing:
        return [f"the token has no {', '.join(missing)}: it is none of GitHub's, or of another kind than a job's"]
    found = _times(claims, shown, now)
    if isinstance(claims["aud"], list):
        found.append("the token is for several audiences: krt web takes one")
    try:
        from_claims(VerifiedClaims(claims))
    except TokenRejected:
        found.append("a claim of the token has not the form that GitHub gives it")
    return found


def _times(claims: dict[str, object], shown: float | None, now: float) -> list[str]:
    problem = problem_of(claims, now if shown is None else shown)
    if problem is None:
        return []
    clock = "this machine's clock" if shown is None else "krt web's clock (its Date header)"
    return [f"by {clock} the token's times do not hold: {problem.sentence}", *_difference(shown, now)]


def _difference(shown: float | None, now: float) -> list[str]:
    if shown is None or abs(now - shown) <= LEEWAY_SECONDS:
        return []
    where = "behind" if shown < now else "ahead of"
    return [f"krt web's clock is {abs(now - shown):.0f} s {where} this machine's: one of the two is wrong"]


def _possible(claims: Claims, shown: float | None) -> list[str]:
    its_clock = () if shown is not None else ("krt web's clock is wrong: it showed none",)
    issuer = "" if claims.iss == GITHUB else ", and its KRT_OIDC_ISSUER must be this token's issuer"
    return [
        f"krt web expects another audience than {claims.aud} (its GITHUB_OIDC_AUDIENCE){issuer}",
        "no rule of its policy names this repository or its owner, by these ids",
        *its_clock,
        "something in front of krt web answered, or changed the token",
    ]


def _seconds(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def iso(seconds: float) -> str:
    """A moment as --at of `krt check-policy` takes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
