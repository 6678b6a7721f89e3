"""A name in the policy that is no longer that of its id is said once."""

import pytest

from krt.core.caller.patterns import parse_prefix
from krt.core.caller.policy import Rule
from krt.core.caller.who import Who, parse_who
from krt.web.drift import Drift
from tests.fakes.values import an_identity


def a_rule(who: Who, number: int = 1) -> Rule:
    return Rule(who, parse_prefix("ghcr.io/acme/"), number=number)


def test_a_renamed_repository_is_said_once_for_each_name(caplog: pytest.LogCaptureFixture) -> None:
    drift, rule = Drift(), a_rule(parse_who("acme@65/shop@74"))
    for name in ("shop", "store", "store", "mart"):
        drift.look(rule, an_identity(repository=f"acme/{name}"))
    assert [record.__dict__["fields"]["now"] for record in caplog.records] == ["acme/store", "acme/mart"]
    assert caplog.records[0].message == "policy_name_drifted"
    assert caplog.records[0].__dict__["fields"]["written"] == "acme@65/shop@74"


def test_a_renamed_owner_is_said_once_for_all_its_repositories(caplog: pytest.LogCaptureFixture) -> None:
    drift, rule = Drift(), a_rule(parse_who("acme@65/*"))
    for name in ("shop", "cart", "store"):
        drift.look(rule, an_identity(repository_owner="emca", repository=f"emca/{name}"))
    assert len(caplog.records) == 1


def test_a_rule_by_name_alone_never_drifts(caplog: pytest.LogCaptureFixture) -> None:
    Drift().look(a_rule(Who("acme", None)), an_identity(repository_owner="ACME", repository="ACME/shop"))
    assert not caplog.records
