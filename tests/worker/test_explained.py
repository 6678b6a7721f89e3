"""What `krt explain` says beforehand is what the worker does, in every cluster and with all settings alike."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from krt.core.announce.event import Event
from krt.core.caller.admission import Refusal, refusal
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT
from krt.core.kube.workload import BundleStatus, Container, RolloutStatus, Workload
from krt.core.report.report import Report
from krt.core.report.target import Target, TargetState
from krt.core.restart.explain import Expectation, Finding, WorkerView, explain
from krt.core.restart.matching import SkipReason, Warning  # noqa: A004
from krt.settings.load import Settings, load
from krt.settings.lookup import load_lookup
from tests.fakes.journal import Stream
from tests.fakes.values import a_container, a_workload, an_envelope, an_event
from tests.fakes.workloads import FakeWorkloads
from tests.worker.workers import World

KINDS = ("Deployment", "StatefulSet", "DaemonSet")
DIGEST = "@sha256:" + "a" * 64
NAMES = ("ghcr.io/acme/shop", "ghcr.io/acme/cart", "quay.io/acme/shop", "nginx")
TAGS = ("dev", "v1", "pr-7", "latest")
RULES = (
    '[[allow]]\nwho = "acme@65/*"\nimages = ["ghcr.io/acme/{repo}"]\n',
    '[[allow]]\nwho = "acme@65/*"\nimages = ["ghcr.io/**", "docker.io/library/nginx"]\ntags = ["dev", "pr-*"]\n',
    '[[allow]]\nwho = "acme@65/shop@74"\nimages = ["quay.io/acme/shop"]\ntags = ["v1", "latest"]\n',
)
NEEDED = {"VALKEY_ADDR": "127.0.0.1:6379"}


@dataclass(frozen=True, slots=True)
class Case:
    """One cluster, one event, and the variables that worker and operator are given."""

    workloads: tuple[Workload, ...]
    event: Event
    environ: dict[str, str]

    def settings(self) -> Settings:
        """As the worker reads them."""
        return load("worker", {}, NEEDED | self.environ)

    def seen(self) -> list[Workload]:
        """What the worker's index holds: it lists and watches no other kinds and namespaces."""
        told = self.settings().cluster
        assert told is not None
        return [
            workload
            for workload in self.workloads
            if workload.key.kind in told.kinds
            and (not told.namespaces or workload.key.namespace in {"", *told.namespaces})
        ]

    def explained(self) -> dict[str, Finding]:
        """As the operator is answered."""
        told = load_lookup({}, self.environ)
        view = WorkerView(told.namespaces, told.kinds, told.require_opt_in, told.policy, told.images)
        return {str(found.workload.key): found for found in explain(self.event, self.workloads, view)}


def a_case(seed: int, directory: Path) -> Case:
    random = Random(seed)
    environ = {
        "KRT_NAMESPACES": random.choice(["", "", "shop", "shop,blog"]),
        "KRT_KINDS": ",".join(random.sample([*KINDS, BUNDLE_DEPLOYMENT.kind], random.randint(1, 4))),
        "KRT_REQUIRE_OPT_IN": random.choice(["false", "true"]),
    }
    file = directory / "policy.toml"
    file.write_text("\n".join(random.sample(RULES, random.randint(1, 3))))
    way = random.randrange(3)
    environ |= {"KRT_POLICY": str(file)} if way != 0 else {}
    environ |= {"ALLOWED_IMAGE_PREFIX": random.choice(["ghcr.io/acme", "ghcr.io/", "docker.io/"])} if way != 1 else {}
    event = an_event(random.choice([*NAMES, *NAMES[:2]]), tuple(random.sample(TAGS, random.randint(1, 2))))
    workloads = tuple(_workload(random, number, event) for number in range(random.randint(10, 40)))
    return Case(workloads, event, environ)


def _workload(random: Random, number: int, event: Event) -> Workload:
    """Most run the event's image, and of what keeps krt from restarting it most have nothing."""
    kind, pods = random.choice(KINDS), random.choice([0, 1, 1, 3])

    def seldom(*values: object, else_: object = None) -> Any:
        return random.choice(values) if random.random() < 0.2 else else_

    containers = [
        a_container(
            f"{seldom(*NAMES, else_=event.image)}:{seldom(*TAGS, else_=event.tags[0])}{seldom(DIGEST, else_='')}",
            pull_policy=seldom("IfNotPresent", "Never", else_="Always"),
        )
        for _ in range(random.randint(1, 2))
    ]
    workload = a_workload(
        *containers,
        key=f"{kind} {random.choice(['shop', 'shop', 'blog', 'ops'])}/w{number}",
        replicas=1 if kind == "DaemonSet" else pods,
        status=RolloutStatus(observed_generation=1, scheduled=pods),
        paused=seldom(kind == "Deployment", else_=False),
        on_delete=seldom(kind != "Deployment", else_=False),
        partition=seldom(1, 5, else_=0) if kind == "StatefulSet" else 0,
        opt=seldom("enabled", "disabled"),
        namespace_opt=random.choice([None, "enabled", "enabled", "disabled"]),
        deleted_at=seldom("2026-11-20T12:00:00Z"),
        namespace_deleted_at=seldom("2026-11-20T12:00:00Z"),
    )
    return _bundle(workload, containers[0], is_foreign=random.random() < 0.3) if random.random() < 0.2 else workload


def _bundle(workload: Workload, container: Container, *, is_foreign: bool) -> Workload:
    """A BundleDeployment in its place: without a namespace, and with one image that is always asked for anew."""
    bundle = a_workload(
        replace(container, pull_policy="Always"),
        opt=workload.opt,
        deleted_at=workload.deleted_at,
        bundle=BundleStatus(),
        is_foreign=is_foreign,
    )
    return replace(bundle, key=BUNDLE_DEPLOYMENT.key("", workload.key.name), uid=f"uid-of-{workload.key.name}")


async def done(nursery: trio.Nursery, case: Case, *, dry_run: bool) -> tuple[Report, frozenset[str]]:
    """What the worker says of the event, and which workloads it restarts."""
    settings, cluster = case.settings(), FakeWorkloads(*case.seen())
    assert settings.cluster is not None
    world = World(nursery, Stream(), cluster)
    entry = world.stream.accept(an_envelope(case.event, dry_run=dry_run))
    refuses = partial(refusal, policy=settings.admission.policy, images=settings.admission.images)
    rules = {"refusal": refuses, "require_opt_in": settings.cluster.require_opt_in}
    worker = await world.start(**rules)
    await world.settled()
    await worker.stop()
    return world.report(entry), frozenset(str(patch.key) for patch in cluster.patches)


def told(target: Target) -> tuple[Expectation, tuple[str, ...]]:
    """A dry-run's word on a workload, as `krt explain` would say it."""
    return (
        (Expectation.YES, target.warnings)
        if target.state is TargetState.WOULD_RESTART
        else (Expectation.NO, (target.reason,))
    )


@pytest.mark.parametrize("seed", range(60))
async def test_explain_says_what_a_dry_run_reports_and_what_an_event_restarts(
    autojump_clock: MockClock, nursery: trio.Nursery, tmp_path: Path, seed: int
):
    """Seen to fail with the worker's policy passed over."""
    case = a_case(seed, tmp_path)
    explained = case.explained()
    dry, nothing = await done(nursery, case, dry_run=True)
    _, restarted = await done(nursery, case, dry_run=False)
    assert restarted == {key for key, found in explained.items() if found.answer is Expectation.YES}
    assert not nothing
    if refused := dry.groups["default"].reason:
        assert not dry.targets
        assert all((found.answer, found.why[0]) == (Expectation.NO, refused) for found in explained.values())
        return
    names = {str(key): told(target) for (_, key), target in dry.targets.items()}
    inside = {str(workload.key) for workload in case.seen()}
    assert names == {
        key: (found.answer, found.why)
        for key, found in explained.items()
        if key in inside and found.answer is not Expectation.NEARLY
    }
    assert all(found.answer is not Expectation.YES for key, found in explained.items() if key not in inside)


def test_the_clusters_are_of_all_sorts(tmp_path: Path) -> None:
    """Or the test above would say little."""
    findings = [found for seed in range(60) for found in a_case(seed, tmp_path).explained().values()]
    answers = [found.answer for found in findings]
    assert min(answers.count(answer) for answer in Expectation) >= 5
    whys = Counter(why for found in findings for why in found.why)
    expected = [*SkipReason, *Warning, Refusal.PREFIX, Refusal.IMAGE, Refusal.TAGS]
    assert {why: whys[why] for why in expected if whys[why] < 5} == {}
