"""A BundleDeployment as an event reaches it: which event matches, and what its status says of the delivery."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from krt.core.kube.rollout import UNSAID, Progressing, Ready, Stuck, stage_of
from krt.core.kube.workload import Workload
from krt.core.report.report import Standing
from krt.core.report.report_document import list_target
from krt.core.report.target import Target, TargetState
from krt.core.restart.decide import AlreadyRestarted, RestartNow, decide
from krt.core.restart.mark import undone_mark
from krt.core.restart.matching import Match, Skip, SkipReason, judge
from krt.core.restart.progress import covers, say, say_end
from krt.core.rukpak.announced import AnnouncedFields, to_workload
from tests.core.rukpak.documents import PINNED, deployment
from tests.fakes.values import NEWEST, NOW, a_mark, a_position, an_event

EVENT = str(NEWEST)
BUNDLE = an_event("ghcr.io/acme/shop-bundle", ("main",))
RESOLVED = {"type": "image", "image": {"ref": PINNED}}
MARKS = {"krt/event": a_mark(), "krt/announced": EVENT}


def read(**more: Any) -> Workload:
    return to_workload(msgspec.convert(deployment(**more), AnnouncedFields))


def condition(kind: str, status: str = "True", message: str = "", generation: int = 1) -> dict[str, Any]:
    said = {"type": kind, "status": status, "reason": "Because", "message": message}
    return {**said, "observedGeneration": generation, "lastTransitionTime": "2026-11-20T12:00:00Z"}


GOOD = [condition("HasValidBundle"), condition("Installed"), condition("Healthy")]


def announced(conditions: list[dict[str, Any]], *, handled: str = EVENT, **status: Any) -> Workload:
    """One with an announcement, and this status."""
    whole = {"handled": handled, "conditions": conditions, "resolvedSource": RESOLVED, **status}
    return read(metadata={"annotations": MARKS}, status=whole)


def verdict(workload: Workload) -> SkipReason | None:
    found = judge(BUNDLE, workload, require_opt_in=False)
    assert found
    return found.reason if isinstance(found, Skip) else None


def test_its_image_is_that_of_the_template() -> None:
    workload = read()
    assert (str(workload.key), workload.repositories) == ("BundleDeployment shop", {"ghcr.io/acme/shop-bundle"})
    assert judge(BUNDLE, workload, require_opt_in=False) == Match(workload, ())
    assert judge(an_event("ghcr.io/acme/shop", ("main",)), workload, require_opt_in=False) is None


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        (PINNED, SkipReason.PINNED),
        (f"ghcr.io/acme/shop-bundle:main{PINNED.partition('@')[1]}{PINNED.partition('@')[2]}", SkipReason.PINNED),
        ("ghcr.io/acme/shop-bundle:stable", SkipReason.OTHER_TAG),
    ],
)
def test_one_pinned_by_digest_or_at_another_tag_is_skipped_with_that_reason(ref: str, reason: SkipReason) -> None:
    assert verdict(read(source={"type": "image", "image": {"ref": ref}})) is reason


def test_a_source_that_is_no_image_runs_no_image() -> None:
    source = {"type": "git", "git": {"repository": "https://github.com/acme/shop", "ref": {"branch": "main"}}}
    assert read(source=source).containers == ()


def test_one_of_a_foreign_class_is_left_alone() -> None:
    """Seen to fail with the field `is_foreign` never set."""
    document = deployment()
    document["spec"]["provisionerClassName"] = "core-rukpak-io-helm"
    assert verdict(to_workload(msgspec.convert(document, AnnouncedFields))) is SkipReason.FOREIGN


def test_its_annotation_opts_it_out() -> None:
    assert verdict(read(metadata={"annotations": {"krt/restart": "disabled"}})) is SkipReason.OPTED_OUT


def test_an_announcement_covers_its_event_as_long_as_it_stands_there() -> None:
    """Seen to fail with the annotation krt/announced not compared: then an announcement that is gone counted."""
    position = a_position()
    workload = announced(GOOD, handled="")
    assert covers(workload, position, NOW) == NEWEST
    assert isinstance(decide(workload, NEWEST, position, now=NOW, interval_seconds=0), AlreadyRestarted)
    for marks in ({"krt/event": a_mark()}, {"krt/event": a_mark(), "krt/announced": "1-0"}):
        taken_away = read(metadata={"annotations": marks})
        assert undone_mark(taken_away, NOW)
        assert isinstance(decide(taken_away, NEWEST, position, now=NOW, interval_seconds=0), RestartNow)


@pytest.mark.parametrize("handled", ["", "1-0"])
def test_until_it_is_handled_it_is_progressing(handled: str) -> None:
    """Seen to fail with `handled` not compared: the delivery before had ended well, so this one was ready at once."""
    assert isinstance(stage_of(announced(GOOD, handled=handled)), Progressing)


def test_while_it_waits_a_current_condition_that_does_not_hold_is_the_reason() -> None:
    """Seen to fail with the generation not compared."""
    away = "the registry answered 503"
    now = announced([condition("HasValidBundle", "False", away)], handled="")
    before = announced([condition("HasValidBundle", "False", away, generation=0)], handled="")
    assert [stage.reason for stage in map(stage_of, (now, before)) if isinstance(stage, Progressing)] == [away, ""]


def test_handled_and_installed_and_healthy_is_ready_with_the_digest() -> None:
    target = say(announced(GOOD), now=NOW + timedelta(seconds=2), deadline_seconds=900)
    assert isinstance(stage_of(announced(GOOD)), Ready)
    assert (target.state, target.digest) == (TargetState.READY, PINNED.partition("@")[2])
    assert (target.seconds, target.warnings, target.desired) == (2.0, (), 0)


@pytest.mark.parametrize(
    ("failed", "message"),
    [
        (["HasValidBundle", "Installed", "Healthy"], "HasValidBundle is wrong"),
        (["Installed", "Healthy"], "Installed is wrong"),
        (["Healthy"], "Healthy is wrong"),
    ],
)
def test_handled_otherwise_is_failed_with_the_message_of_the_first_condition(failed: list[str], message: str) -> None:
    """Seen to fail with the conditions in the order of their document."""
    conditions = [condition(kind, "False", f"{kind} is wrong") for kind in reversed(failed)]
    stage = stage_of(announced([*conditions, *(each for each in GOOD if each["type"] not in failed)]))
    assert isinstance(stage, Stuck)
    assert stage.reason == message
    target = say(announced(conditions), now=NOW, deadline_seconds=900)
    assert (target.state, target.reason, target.digest) == (TargetState.FAILED, message, "")


def test_a_bad_bundle_is_failed_although_the_one_before_stays_installed_and_healthy() -> None:
    """Seen to fail with Installed and Healthy alone asked."""
    bad = condition("HasValidBundle", "False", "Failed to unpack the shop-2 Bundle: found zero objects")
    stage = stage_of(announced([bad, *GOOD[1:]]))
    assert isinstance(stage, Stuck)
    assert stage.reason == bad["message"]


@pytest.mark.parametrize("conditions", [[], [condition("Installed")], [condition("Installed", "Unknown"), GOOD[2]]])
def test_handled_without_a_word_on_how_is_failed(conditions: list[dict[str, Any]]) -> None:
    assert stage_of(announced(conditions)) == Stuck(stage_of(announced(GOOD)).counts, UNSAID)


def test_a_false_installed_that_stays_from_the_delivery_before_is_no_success() -> None:
    stage = stage_of(announced([condition("Installed", "False", "UpgradeFailed"), condition("Healthy")]))
    assert isinstance(stage, Stuck)


def test_one_that_nobody_announced_is_ready_once_its_generation_is_delivered() -> None:
    """One that was created after the event: its controller has asked the registry by itself."""
    created = {"annotations": {}, "creationTimestamp": "2026-11-20T12:00:00Z"}
    fresh = read(metadata=created)
    done = read(metadata=created, status={"conditions": GOOD, "resolvedSource": RESOLVED})
    behind = read(metadata=created | {"generation": 2}, status={"conditions": GOOD})
    assert [type(stage_of(each)) for each in (fresh, done, behind)] == [Progressing, Ready, Progressing]


def test_no_end_within_the_deadline_is_failed_with_the_reason() -> None:
    waiting = announced([condition("Installed", "False", "waits for Deployment shop/web")], handled="")
    target = say(waiting, now=NOW + timedelta(seconds=901), deadline_seconds=900)
    assert target.reason == "no end within 900 s; waits for Deployment shop/web"


def test_an_announcement_that_was_taken_away_ends_as_such() -> None:
    restarted = Standing(settled=True, target=Target(TargetState.PROGRESSING, uid="u-1", version=6))
    gone = replace(read(metadata={"annotations": {}}), resource_version="8")
    ends = say_end(gone, {NEWEST: restarted}, a_position(), now=NOW)
    assert ends[NEWEST].reason.startswith("the restart was taken back")


def test_a_report_lists_it_with_the_digest_and_without_pods() -> None:
    target = say(announced(GOOD), now=NOW, deadline_seconds=900)
    listed = list_target("default", announced(GOOD).key, target)
    assert (listed.namespace, listed.desired, listed.updated) == ("", None, None)
    assert msgspec.to_builtins(listed)["digest"] == PINNED.partition("@")[2]


def test_a_mark_of_another_form_gives_no_time() -> None:
    for mark in ("", "a", "a b", f"a {EVENT} b c"):
        assert read(metadata={"annotations": MARKS | {"krt/event": mark}}).restarted_at is None
