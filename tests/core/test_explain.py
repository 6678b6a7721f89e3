from dataclasses import replace

import pytest

from krt.core.caller.admission import Refusal
from krt.core.caller.patterns import parse_prefix, parse_tag_pattern
from krt.core.caller.policy import Rule
from krt.core.caller.who import parse_who
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT
from krt.core.kube.workload import BundleStatus, Workload
from krt.core.restart.explain import Expectation, Finding, WorkerView, explain
from krt.core.restart.matching import Match, SkipReason, Warning, judge  # noqa: A004
from tests.fakes.values import a_container, a_workload, an_event

ALL = WorkerView(namespaces=(), kinds=("Deployment", "StatefulSet", "DaemonSet"), require_opt_in=False)
RULE = Rule(parse_who("acme@65/*"), parse_prefix("ghcr.io/acme"), tags=(parse_tag_pattern("dev"),))
NO_REFERENCE = "not an image reference: its pods get InvalidImageName"
SHOP, DIGEST = "ghcr.io/acme/shop", "sha256:" + "a" * 64


def look(workload: Workload, view: WorkerView = ALL) -> tuple[str, tuple[str, ...]] | None:
    found = explain(an_event(), [workload], view)
    return (found[0].answer, found[0].why) if found else None


@pytest.mark.parametrize(
    ("workload", "found"),
    [
        (a_workload(), ("yes", ())),
        (a_workload(a_container("busybox"), a_container()), ("yes", ())),
        (a_workload(paused=True), ("yes", (Warning.PAUSED,))),
        (a_workload(replicas=0), ("yes", (Warning.NO_REPLICAS,))),
        (a_workload(key="StatefulSet shop/db", on_delete=True), ("yes", (Warning.ON_DELETE,))),
        (a_workload(key="DaemonSet shop/agent", on_delete=True), ("yes", (Warning.ON_DELETE,))),
        (a_workload(key="StatefulSet shop/db", partition=1), ("yes", (Warning.PARTITION,))),
        (a_workload(a_container(pull_policy="IfNotPresent")), ("yes", (Warning.PULL_POLICY,))),
        (a_workload(f"{SHOP}:v1"), ("no", (SkipReason.OTHER_TAG,))),
        (a_workload(f"{SHOP}:dev@{DIGEST}"), ("no", (SkipReason.PINNED,))),
        (a_workload(opt="disabled"), ("no", (SkipReason.OPTED_OUT,))),
        (a_workload(namespace_opt="disabled"), ("no", (SkipReason.NAMESPACE_OPTED_OUT,))),
        (a_workload(deleted_at="2026-11-20T12:00:00Z"), ("no", (SkipReason.BEING_DELETED,))),
        (a_workload(namespace_deleted_at="2026-11-20T12:00:00Z"), ("no", (SkipReason.NAMESPACE_BEING_DELETED,))),
        (a_workload("quay.io/acme/shop:dev"), ("nearly", ("another registry or path",))),
        (a_workload("ghcr.io/other/shop:v9"), ("nearly", ("another registry or path",))),
        (a_workload("shop"), ("nearly", ("another registry or path",))),
        (a_workload("GHCR.io/acme/Shop:dev"), ("nearly", (NO_REFERENCE,))),
        (a_workload("ghcr.io/acme/shop:dev@what"), ("nearly", (NO_REFERENCE,))),
        (a_workload("ghcr.io/acme/shopping:dev"), None),
        (a_workload("ghcr.io/acme/shop/web:dev"), None),
        (a_workload("busybox"), None),
    ],
)
def test_each_workload_is_answered_for_with_every_reason(
    workload: Workload, found: tuple[str, tuple[str, ...]] | None
) -> None:
    assert look(workload) == found


def test_an_object_without_a_namespace_is_outside_of_no_namespaces() -> None:
    """Seen to fail with an empty namespace compared, too."""
    view = replace(ALL, namespaces=("other",), kinds=("BundleDeployment",))
    bundle = replace(a_workload(), key=BUNDLE_DEPLOYMENT.key("", "shop"), bundle=BundleStatus())
    assert look(bundle, view) == ("yes", ())


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"namespaces": ("shop",)}, ("yes", ())),
        ({"namespaces": ("other",)}, ("no", ("namespace outside of KRT_NAMESPACES",))),
        ({"kinds": ("StatefulSet",)}, ("no", ("kind not among KRT_KINDS",))),
        ({"require_opt_in": True}, ("no", (SkipReason.NOT_OPTED_IN,))),
        ({"policy": (RULE,)}, ("yes", ())),
        ({"images": parse_prefix("ghcr.io/acme")}, ("yes", ())),
        ({"policy": (RULE,), "images": parse_prefix("ghcr.io/other")}, ("no", (Refusal.PREFIX,))),
        (
            {"namespaces": ("other",), "kinds": ("StatefulSet",)},
            ("no", ("namespace outside of KRT_NAMESPACES", "kind not among KRT_KINDS")),
        ),
    ],
)
def test_what_the_worker_does_not_see_or_may_not_touch_is_not_restarted(
    changes: dict[str, object], found: tuple[str, tuple[str, ...]]
) -> None:
    values = {"namespaces": (), "kinds": ("Deployment",), "require_opt_in": False, **changes}
    assert look(a_workload(), WorkerView(**values)) == found


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"images": parse_prefix("ghcr.io/other/")}, Refusal.PREFIX),
        ({"images": parse_prefix("ghcr.io/acme/shop/")}, Refusal.PREFIX),
        ({"policy": (replace(RULE, images=parse_prefix("quay.io/acme")),)}, Refusal.IMAGE),
        ({"policy": ()}, Refusal.IMAGE),
        ({"policy": (replace(RULE, tags=(parse_tag_pattern("pr-*"),)),)}, Refusal.TAGS),
        ({"policy": (RULE,), "images": parse_prefix("ghcr.io/other/")}, Refusal.PREFIX),
    ],
)
@pytest.mark.parametrize(
    ("workload", "why"),
    [
        (a_workload(), ()),
        (a_workload(paused=True), (Warning.PAUSED,)),
        (a_workload(f"{SHOP}:v1"), (SkipReason.OTHER_TAG,)),
        (a_workload(opt="disabled"), (SkipReason.OPTED_OUT,)),
        (a_workload("quay.io/acme/shop:dev"), ("another registry or path",)),
    ],
)
def test_where_the_workers_policy_admits_no_such_event_nothing_is_restarted(
    given: dict[str, object], refusal: Refusal, workload: Workload, why: tuple[str, ...]
) -> None:
    """Seen to fail with the policy passed over: yes, and the worker called the event failed."""
    assert look(workload, replace(ALL, **given)) == ("no", (refusal, *why))


@pytest.mark.parametrize(
    ("workload", "is_failing"),
    [
        (a_workload(paused=True), True),
        (a_workload(key="DaemonSet shop/agent", on_delete=True), True),
        (a_workload(key="StatefulSet shop/db", partition=3, replicas=3), True),
        (a_workload(paused=True, opt="disabled"), False),
        (a_workload(paused=True, replicas=0), False),
        (a_workload(a_container(pull_policy="Never")), False),
        (a_workload(), False),
    ],
)
def test_a_rollout_that_would_end_as_failed_is_known_as_that(workload: Workload, *, is_failing: bool) -> None:
    assert [finding.is_failing for finding in explain(an_event(), [workload], ALL)] == [is_failing]


def test_what_would_be_restarted_comes_first_and_then_all_by_name() -> None:
    images = {"d": "quay.io/a/shop", "c": f"{SHOP}:dev", "b": f"{SHOP}:v1", "a": f"{SHOP}:dev"}
    workloads = [a_workload(image, key=f"Deployment shop/{name}") for name, image in images.items()]
    found = explain(an_event(), workloads, ALL)
    assert [finding.workload.key.name for finding in found] == ["a", "c", "b", "d"]


def test_a_finding_has_the_images_that_the_event_concerns_and_no_others() -> None:
    workload = a_workload(a_container("busybox"), a_container(f"{SHOP}:v1"), a_container(f"{SHOP}:dev"))
    assert explain(an_event(), [workload], ALL) == (
        Finding(workload, Expectation.YES, (f"{SHOP}:v1", f"{SHOP}:dev"), ()),
    )


def test_it_says_yes_exactly_where_the_worker_finds_a_match() -> None:
    images = (
        f"{SHOP}:dev",
        f"{SHOP}:v1",
        f"{SHOP}@{DIGEST}",
        "quay.io/acme/shop:dev",
        "busybox",
        "docker.io/acme/shop",
    )
    workloads = [
        a_workload(image, key=f"Deployment shop/{n}", opt=opt)
        for n, image in enumerate(images)
        for opt in (None, "disabled")
    ]
    restarted = {
        m.workload for m in (judge(an_event(), w, require_opt_in=False) for w in workloads) if isinstance(m, Match)
    }
    assert {f.workload for f in explain(an_event(), workloads, ALL) if f.answer is Expectation.YES} == restarted
