"""What a job can say of a 401 by itself. Seen to fail with the hint of before: audience or policy, whatever it was."""

import json
import time
from email.utils import formatdate

import msgspec
import pytest

from krt.client.causes import Causes, of
from krt.client.claims import Claims
from tests.client.actions import Actions, Reply, a_token, gives
from tests.client.runs import run
from tests.oidc.tokens import NOW, claims


def causes(date: float | None = NOW + 1, now: float = NOW + 1, **changes: object) -> Causes:
    return of(msgspec.convert(claims(**changes), Claims), "" if date is None else formatdate(date, usegmt=True), now)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (causes(NOW - 30, NOW - 30), ["it is valid only in 30 s (iat)"]),
        (
            causes(NOW - 30),
            ["by krt web's clock", "valid only in 30 s", "krt web's clock is 31 s behind this machine's"],
        ),
        (causes(NOW + 400), ["it expired 100 s ago", "krt web's clock is 399 s ahead of this machine's"]),
        (causes(None, NOW + 400), ["by this machine's clock", "it expired 100 s ago"]),
        (causes(nbf=NOW + 60), ["it is valid only in 59 s (nbf)"]),
        (causes(exp=NOW + 3600), ["it lives 3600 s"]),
        (causes(exp=NOW), ["it lives 0 s"]),
        (causes(iat=float(NOW) + 0.5), ["iat is not a whole number"]),
        (causes(nbf=...), ["the token has no nbf"]),
        (causes(jti=..., repository_id=...), ["the token has no jti, repository_id"]),
        (causes(aud=["https://krt.example.com"]), ["several audiences"]),
        (causes(repository_id="074"), ["does not have GitHub's form"]),
        (of(Claims(), "", NOW), ["holds no claims that can be read"]),
    ],
)
def test_a_cause_that_can_be_seen_is_named_and_no_other(found: Causes, said: list[str]) -> None:
    assert found.possible == ()
    for part in said:
        assert part in " ".join(found.certain)


@pytest.mark.parametrize("date", [NOW + 1, NOW - 9, NOW + 305])
def test_where_nothing_is_seen_all_that_is_possible_is_said(date: float) -> None:
    found = causes(date)
    assert found.certain == ()
    assert [part for part in ("another audience", "no rule", "in front of") if part in " ".join(found.possible)] == [
        *("another audience", "no rule", "in front of")
    ]
    assert "clock" not in " ".join(found.possible)


def test_another_issuer_and_a_hidden_clock_are_possible_causes() -> None:
    assert "KRT_OIDC_ISSUER" in " ".join(causes(iss="https://github.example.com/_services/token").possible)
    assert "krt web's clock is wrong" in " ".join(causes(None).possible)


@pytest.mark.parametrize("date", ["", "soon", "Mon", "Thu, 99 Jan 2026 00:00:00 GMT", "\x1b[2J"])
def test_a_date_that_is_none_is_no_clock(date: str) -> None:
    assert of(msgspec.convert(claims(), Claims), date, NOW + 1).judged_at is None


@pytest.fixture
def behind(actions: Actions) -> Actions:
    """A krt web whose clock is 45 s behind."""
    token = a_token(nbf=int(time.time()) - 600)
    actions.tokens = [gives(token)]
    actions.events = [Reply(401, headers=(("Date", formatdate(time.time() - 45, usegmt=True)),))]
    return actions


def test_a_clock_is_named_as_the_cause_and_not_audience_or_policy(behind: Actions) -> None:
    ended = run(behind)
    assert ended.code == 2
    assert "the cause: by krt web's clock (its Date header) the token's times do not hold" in ended.err
    assert "behind this machine's: one of the two is wrong" in ended.err
    assert "policy must" not in ended.err
    assert "audience than" not in ended.err


def test_the_line_for_the_operator_judges_at_the_moment_of_the_call(behind: Actions) -> None:
    line, printed = run(behind).err.splitlines()[-2:]
    assert " --tags dev,v1 --at 20" in line
    assert line.endswith("Z")
    assert json.loads(printed)["nbf"] < json.loads(printed)["iat"]
