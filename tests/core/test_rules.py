"""Rows D10 to D15 and E7 of the security checklist: what each field of a rule holds for, and which a refusal names."""

from itertools import combinations

import pytest

from krt.core.caller.patterns import (
    parse_image_pattern,
    parse_prefix,
    parse_ref_pattern,
    parse_tag_pattern,
    parse_workflow_pattern,
)
from krt.core.caller.policy import FIELDS, Rule, admits, check, field_at_fault, rules_for
from krt.core.caller.who import has_drifted, parse_who
from krt.errors import NotAllowed
from tests.fakes.values import an_event, an_identity

WORKFLOW = "acme/shop/.github/workflows/ci.yml"
SHA = "796a6cfb48152b077701fced55d480bf1d90e1e2"


def a_rule(**changes: object) -> Rule:
    """A rule of acme/shop for its own image."""
    values = {"who": parse_who("acme@65/shop@74"), "images": parse_prefix("ghcr.io/acme/shop"), **changes}
    return Rule(**values)  # type: ignore[arg-type]


def holds(rule: Rule, **claims: object) -> bool:
    return field_at_fault(rule, an_identity(**claims), an_event()) is None


# Row D10, names and ids


@pytest.mark.parametrize("who", ["acme@65/*", "acme@65/shop@74"])
def test_a_recycled_name_is_nobody(who: str) -> None:
    rule = a_rule(who=parse_who(who))
    assert rules_for([rule], an_identity(repository_owner_id="66", repository_id="99")) == ()
    assert rules_for([rule], an_identity()) == (rule,)


@pytest.mark.parametrize(
    ("who", "claims", "whether"),
    [
        ("acme@65/shop@74", {}, False),
        ("acme@65/shop@74", {"repository": "acme/Shop"}, False),
        ("acme@65/shop@74", {"repository": "acme/store"}, True),
        ("acme@65/shop@74", {"repository": "emca/shop", "repository_owner": "emca"}, True),
        ("acme@65/*", {"repository": "acme/store"}, False),
        ("acme@65/*", {"repository": "emca/shop", "repository_owner": "emca"}, True),
    ],
)
def test_who_was_renamed_is_known_by_its_ids_and_has_drifted(
    who: str, claims: dict[str, object], whether: bool
) -> None:
    rule, identity = a_rule(who=parse_who(who)), an_identity(**claims)
    assert rules_for([rule], identity) == (rule,)
    assert has_drifted(rule.who, identity) is whether


def test_a_transferred_repository_is_its_new_owners() -> None:
    rule = a_rule()
    assert rules_for([rule], an_identity(repository_owner_id="66", repository_owner="emca")) == ()


# Row D11, events


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "issue_comment", "workflow_run"])
def test_what_strangers_cause_holds_only_where_it_is_listed(event: str) -> None:
    assert not holds(a_rule(), event_name=event)
    assert holds(a_rule(events=(event,)), event_name=event)
    assert not holds(a_rule(events=(event,)))


# Row D12, refs


@pytest.mark.parametrize(
    ("pattern", "ref", "whether"),
    [
        ("refs/heads/main", "refs/heads/main", True),
        ("refs/heads/main", "refs/heads/main-evil", False),
        ("refs/heads/main", "refs/heads/main/x", False),
        ("refs/heads/main", "refs/heads/Main", False),
        ("refs/heads/main", "refs/tags/main", False),
        ("refs/heads/main", "refs/heads/mai", False),
        ("refs/heads/main", "main", False),
        ("refs/heads/main", "", False),
        ("refs/heads/release-*", "refs/heads/release-1", True),
        ("refs/heads/release-*", "refs/heads/release-", True),
        ("refs/heads/release-*", "refs/heads/release", False),
        ("refs/heads/release-*", "refs/tags/release-1", False),
        ("refs/tags/v*", "refs/tags/v1/x", True),
        ("refs/tags/v*", "refs/heads/v1", False),
    ],
)
def test_a_ref_is_meant_in_full_or_by_its_beginning(pattern: str, ref: str, whether: bool) -> None:
    assert holds(a_rule(ref=(parse_ref_pattern(pattern),)), ref=ref) is whether


def test_a_deployment_by_commit_has_no_ref_and_satisfies_no_rule_that_names_one() -> None:
    assert holds(a_rule(), ref="")
    assert not holds(a_rule(ref=(parse_ref_pattern("refs/heads/*"),)), ref="")


# Row D13, workflows


@pytest.mark.parametrize(
    ("claim", "whether"),
    [
        (f"{WORKFLOW}@refs/heads/main", True),
        (f"{WORKFLOW}@{SHA}", True),
        (f"{WORKFLOW}@refs/heads/evil", False),
        (f"{WORKFLOW}@refs/tags/main", False),
        (f"{WORKFLOW}@{SHA[:-1]}", False),
        (f"{WORKFLOW}@", False),
        (WORKFLOW, False),
        ("", False),
        (..., False),
        ("acme/shop/.github/workflows/other.yml@refs/heads/main", False),
        ("evil/shop/.github/workflows/ci.yml@refs/heads/main", False),
        ("acme/shop-evil/.github/workflows/ci.yml@refs/heads/main", False),
        ("acme/shop/.github/workflows/ci.yaml@refs/heads/main", False),
        (f"acme/shop/.github/workflows/evil.yml@x/{WORKFLOW}@refs/heads/main", False),
        (f"{WORKFLOW}@x.yml@refs/heads/main", False),
        (f"{WORKFLOW}@refs/heads/x.yml@refs/heads/main", False),
        (f" {WORKFLOW}@refs/heads/main", False),
    ],
)
def test_a_workflow_of_ones_own_is_at_the_runs_ref_or_commit(claim: object, whether: bool) -> None:
    assert holds(a_rule(workflow=parse_workflow_pattern(WORKFLOW)), job_workflow_ref=claim) is whether


@pytest.mark.parametrize("sha_and_ref", [{"ref": "", "sha": ""}, {"ref": ""}])
def test_an_empty_ref_pins_nothing(sha_and_ref: dict[str, object]) -> None:
    rule = a_rule(workflow=parse_workflow_pattern(WORKFLOW))
    assert not holds(rule, job_workflow_ref=f"{WORKFLOW}@", **sha_and_ref)


@pytest.mark.parametrize(
    ("pinned", "claim", "whether"),
    [
        ("refs/heads/main", "refs/heads/main", True),
        ("refs/heads/main", "refs/heads/evil", False),
        ("refs/heads/main", SHA, False),
        (SHA, SHA, True),
        (SHA, "refs/heads/main", False),
        ("refs/heads/a@b", "refs/heads/a@b", True),
        ("refs/heads/main", "x.yml@refs/heads/main", False),
    ],
)
def test_a_pinned_workflow_of_another_repository_is_at_that_ref_whatever_the_run_is_at(
    pinned: str, claim: str, whether: bool
) -> None:
    shared = "acme/ci/.github/workflows/release.yml"
    rule = a_rule(workflow=parse_workflow_pattern(f"{shared}@{pinned}"))
    assert holds(rule, job_workflow_ref=f"{shared}@{claim}", ref="refs/heads/other") is whether


def test_the_runs_ref_says_nothing_of_a_file_in_another_repository() -> None:
    shared = "acme/ci/.github/workflows/release.yml"
    assert not holds(a_rule(workflow=parse_workflow_pattern(shared)), job_workflow_ref=f"{shared}@refs/heads/main")


# D14, D15: environment, runner, protection


@pytest.mark.parametrize(
    ("claim", "whether"),
    [
        ("dev", True),
        ("Dev", True),
        ("DEV", True),
        (..., False),
        ("", False),
        ("dev ", False),
        ("dev2", False),
        ("prod", False),
        ("\u0501ev", False),
    ],
)
def test_an_environment_is_compared_without_the_case_of_ascii(claim: object, whether: bool) -> None:
    assert holds(a_rule(environment="dev"), environment=claim) is whether
    assert holds(a_rule(), environment=claim)


@pytest.mark.parametrize(("named", "claim"), [("kelvin", "\u212aelvin"), ("stra\u00dfe", "strasse"), ("i", "\u0130")])
def test_no_letter_beyond_ascii_is_folded_into_another(named: str, claim: str) -> None:
    assert not holds(a_rule(environment=named), environment=claim)


@pytest.mark.parametrize("claim", ["self-hosted", ..., "", "GitHub-Hosted"])
def test_a_runner_counts_only_where_the_rule_asks(claim: object) -> None:
    assert not holds(a_rule(runner="github-hosted"), runner_environment=claim)
    assert holds(a_rule(), runner_environment=claim)


@pytest.mark.parametrize("claim", ["false", ..., "", "True", "1"])
def test_a_protected_ref_counts_only_where_the_rule_asks(claim: object) -> None:
    assert not holds(a_rule(protected=True), ref_protected=claim)
    assert holds(a_rule(), ref_protected=claim)
    assert holds(a_rule(protected=True), ref_protected="true")


# Tags, and E7


@pytest.mark.parametrize(
    ("patterns", "tags", "whether"),
    [
        (["dev"], ["dev"], True),
        (["dev"], ["dev", "prod"], False),
        (["dev", "prod"], ["dev", "prod"], True),
        (["dev"], ["dev2"], False),
        (["dev"], ["DEV"], False),
        (["pr-*"], ["pr-12"], True),
        (["pr-*"], ["pr-"], True),
        (["pr-*"], ["xpr-12"], False),
        (["pr-*", "dev"], ["pr-1", "dev", "latest"], False),
        ([], ["anything"], True),
    ],
)
def test_every_tag_of_the_event_is_one_of_the_rules(patterns: list[str], tags: list[str], whether: bool) -> None:
    rule = a_rule(tags=tuple(map(parse_tag_pattern, patterns)))
    assert (field_at_fault(rule, an_identity(), an_event(tags=tuple(tags))) is None) is whether
    assert admits([rule], an_event(tags=tuple(tags))) is whether


def test_the_image_of_one_rule_with_the_tag_of_another_is_refused() -> None:
    one = a_rule(tags=(parse_tag_pattern("dev"),))
    other = a_rule(images=parse_prefix("ghcr.io/acme/cart"), tags=(parse_tag_pattern("prod"),))
    with pytest.raises(NotAllowed, match="tags"):
        check([one, other], an_identity(), an_event(tags=("prod",)))
    assert not admits([one, other], an_event(tags=("prod",)))


def test_the_first_rule_that_holds_is_the_one() -> None:
    one, other = a_rule(number=1, runner="self-hosted"), a_rule(number=2)
    assert check([one, other], an_identity(), an_event()) is other


# Which field is named

WRONG: dict[str, dict[str, object]] = {
    "events": {"events": ("release",)},
    "ref": {"ref": (parse_ref_pattern("refs/heads/other"),)},
    "environment": {"environment": "prod"},
    "workflow": {"workflow": parse_workflow_pattern("acme/ci/.github/workflows/release.yml@refs/heads/main")},
    "runner": {"runner": "self-hosted"},
    "protected": {"protected": True},
    "images": {"images": parse_prefix("ghcr.io/acme/other")},
    "tags": {"tags": (parse_tag_pattern("other"),)},
}


def refused(*rules: Rule) -> str:
    with pytest.raises(NotAllowed) as caught:
        check(rules, an_identity(ref_protected="false"), an_event())
    return caught.value.field


def test_the_order_is_the_documented_one() -> None:
    assert FIELDS == ("events", "ref", "environment", "workflow", "runner", "protected", "images", "tags")
    assert tuple(WRONG) == FIELDS


@pytest.mark.parametrize(("first", "second"), [*combinations(FIELDS, 2)])
def test_of_two_rules_the_one_that_got_furthest_names_the_field(first: str, second: str) -> None:
    early, late = a_rule(**WRONG[first]), a_rule(**WRONG[second])
    assert refused(early, late) == refused(late, early) == second
    assert refused(a_rule(**WRONG[second], **WRONG[first])) == first


@pytest.mark.parametrize(
    ("pattern", "image", "whether"),
    [
        ("ghcr.io/acme/{repo}", "ghcr.io/acme/anything", True),
        ("ghcr.io/acme/{repo}", "ghcr.io/acme/any/thing", False),
        ("ghcr.io/acme/{repo}/*", "ghcr.io/acme/a/b", True),
        ("ghcr.io/acme/{repo}/*", "ghcr.io/acme/a", False),
        ("ghcr.io/acme/shop", "ghcr.io/evil/shop", False),
    ],
)
def test_a_worker_takes_any_one_component_for_the_repository(pattern: str, image: str, whether: bool) -> None:
    assert admits([a_rule(images=(parse_image_pattern(pattern),))], an_event(image)) is whether
