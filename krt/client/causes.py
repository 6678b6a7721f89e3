"""Finds possible causes of a 401. krt web tells no caller why, so the job checks its own token, by krt web's clock."""

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
    """The causes found, one clause each.

    Each of `certain` alone causes a 401. `possible` are the causes that the job cannot check; empty if any is certain.
    `judged_at` is krt web's clock from its Date header, in seconds since the epoch, or None without a valid Date.
    """

    certain: tuple[str, ...]
    possible: tuple[str, ...]
    judged_at: float | None


def of(claims: Claims, date: str, now: float) -> Causes:
    """The causes of a 401 for a token with these claims.

    The token's times are judged at `date`, the answer's Date header. If nobody can read it, they are judged at `now`:
    this machine's clock, in seconds since the epoch.
    """
    shown = _seconds(date)
    said = msgspec.to_builtins(claims)
    certain = tuple(_certain(said, shown, now))
    return Causes(certain, () if certain else tuple(_possible(claims, shown)), shown)


def _certain(claims: dict[str, object], shown: float | None, now: float) -> list[str]:
    if not claims:
        return ["the token holds no claims that can be read"]
    missing = [name for name in _NEEDED if claims.get(name) is None]
    if missing:
        return [f"the token has no {', '.join(missing)}: it is not a GitHub token, or not the token of a job"]
    found = _times(claims, shown, now)
    if isinstance(claims["aud"], list):
        found.append("the token is for several audiences: krt web takes one")
    try:
        from_claims(VerifiedClaims(claims))
    except TokenRejected:
        found.append("a claim of the token does not have GitHub's form")
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
    its_clock = () if shown is not None else ("krt web's clock is wrong: its answer has no valid Date header",)
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
    """The moment in the form that `krt check-policy --at` reads."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
