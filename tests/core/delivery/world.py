"""A cluster of one Secret and some Deployments, and a run of krt that can be killed before each of its writes."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from krt.core.delivery.bundle_restart import restart_patch
from krt.core.delivery.owed_restarts import next_step, owed
from krt.core.delivery.pending_restarts import RESTART_PENDING, take_off
from krt.core.delivery.restart_steps import (
    AwaitTarget,
    BundleSuperseded,
    NothingOwed,
    RestartTargetNow,
    TakeOffList,
    TargetFailed,
)
from krt.core.delivery.restart_target import RestartTarget, parse_target
from krt.core.delivery.secret_bundle import (
    Apply,
    AsItIs,
    Bundle,
    Publication,
    Refuse,
    decide_write,
    with_owed,
)
from tests.fakes.values import NOW

A, B = parse_target("deployment/a"), parse_target("deployment/b")
MOST_STEPS = 60  # of one run


class Conflict(Exception):
    """The object is newer than it was read."""


def publication(content: bytes = b"one", *targets: RestartTarget, key: str = "dist.tgz") -> Publication:
    return Publication("shop", "web", Bundle(key, content), targets or (A, B))


def a_deployment(name: str) -> dict[str, Any]:
    """One whose rollout has ended well."""
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "generation": 1, "resourceVersion": "1", "annotations": {}},
        "spec": {"replicas": 1, "template": {"metadata": {"annotations": {}}}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    }


@dataclass
class World:
    """`log` has the changes of the Secret's content, as ("change", contents), and restarts, as ("restart", name)."""

    secret: dict[str, Any] | None = None
    targets: dict[RestartTarget, dict[str, Any]] = field(
        default_factory=lambda: {each: a_deployment(each.name) for each in (A, B)}
    )
    log: list[tuple[str, str]] = field(default_factory=list)
    version: int = 1
    writes: int = 0
    stuck: set[RestartTarget] = field(default_factory=set)
    changes: int = 0

    def apply(self, body: Any) -> None:
        """As server-side apply does it, by one field manager that owns everything."""
        guard = body["metadata"].get("resourceVersion")
        if guard and self.secret is not None and self.secret["metadata"]["resourceVersion"] != guard:
            raise Conflict
        before = (self.secret or {}).get("data")
        self.secret = deepcopy(dict(body))
        self._written(self.secret)
        if before != self.secret["data"]:
            self.log.append(("change", str(self.secret["data"])))

    def patch_secret(self, patch: Any) -> None:
        """A merge patch, refused where its resource version is not the one that is there."""
        self._merge(self.secret, patch)

    def patch_target(self, target: RestartTarget, patch: Any) -> None:
        """The same; a changed template makes a new generation."""
        body = self.targets[target]
        self._merge(body, patch)
        body["metadata"]["generation"] += 1
        self.log.append(("restart", target.name))

    def roll(self, target: RestartTarget) -> None:
        """The controller comes to an end with the rollout: a good one, or after the progress deadline."""
        body = self.targets[target]
        body["status"]["observedGeneration"] = body["metadata"]["generation"]
        body["status"]["updatedReplicas"] = 0 if target in self.stuck else 1
        late = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}]
        body["status"]["conditions"] = late if target in self.stuck else []

    def revert(self, target: RestartTarget) -> None:
        """Somebody puts the template back and leaves the annotation."""
        body = self.targets[target]
        body["spec"]["template"]["metadata"]["annotations"] = {}
        body["metadata"]["generation"] += 1
        self._written(body)
        self.roll(target)

    @property
    def pending(self) -> str | None:
        """What the Secret's list says."""
        return (self.secret or {"metadata": {}})["metadata"].get("annotations", {}).get(RESTART_PENDING)

    def since_change(self) -> list[str]:
        """Which targets were restarted since the content changed last, in order."""
        last = max((n for n, (what, _) in enumerate(self.log) if what == "change"), default=-1)
        return [name for what, name in self.log[last + 1 :] if what == "restart"]

    def _merge(self, body: Any, patch: Any) -> None:
        guard = patch["metadata"].get("resourceVersion")
        if body is None or (guard and body["metadata"]["resourceVersion"] != guard):
            raise Conflict
        _merge(body, patch)
        self._written(body)

    def _written(self, body: Any) -> None:
        self.version += 1
        self.writes += 1
        body["metadata"]["resourceVersion"] = str(self.version)


def _merge(into: dict[str, Any], patch: dict[str, Any]) -> None:
    for name, value in patch.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


@dataclass
class Ended:
    """How a run ended, and its `restarted_targets`."""

    step: object
    restarted: list[str]


def run(world: World, wanted: Publication) -> Iterator[Ended | str]:
    """A run that stops before every write and before it waits; its last word is how it ended."""
    wanted = with_owed(wanted, world.secret)
    decision = yield from _write(world, wanted)
    if isinstance(decision, Refuse):
        yield Ended(decision, [])
        return
    tried: set[RestartTarget] = set()
    restarted: list[str] = []
    for _ in range(MOST_STEPS):
        secret = deepcopy(world.secret)
        targets = {each: deepcopy(world.targets.get(each)) for each in (owed(wanted, secret) if secret else ())}
        now = NOW + timedelta(seconds=world.version)
        match step := next_step(wanted, secret, targets, tried=tried, now=now):
            case RestartTargetNow(target):
                patch = restart_patch(wanted, step, targets[target] or {}, cause="a test", now=now)
                yield f"restart {target}"
                if _sent(lambda t=target, p=patch: world.patch_target(t, p)):
                    tried.add(target)
            case TakeOffList(target, is_restarted):
                patch = take_off(secret or {}, target)
                yield f"take off {target}"
                if _sent(lambda p=patch: world.patch_secret(p)) and is_restarted:
                    restarted.append(str(target))
            case AwaitTarget(target):
                yield f"await {target}"
                world.roll(target)
            case NothingOwed() | TargetFailed() | BundleSuperseded():
                yield Ended(step, restarted)
                return
    raise AssertionError("the run does not end")


def _write(world: World, wanted: Publication) -> Iterator[Any]:
    world.changes += 1
    change = f"c{world.changes}"
    while True:
        match decision := decide_write(wanted, deepcopy(world.secret), change=change):
            case Apply(manifest):
                yield "apply"
                if _sent(lambda m=manifest: world.apply(m.body)):
                    return decision
            case Refuse() | AsItIs():
                return decision


def _sent(send: Callable[[], None]) -> bool:
    try:
        send()
    except Conflict:
        return False
    return True


def to_end(run_: Iterator[Ended | str]) -> Ended:
    """Let a run run to its end."""
    for each in run_:
        if isinstance(each, Ended):
            return each
    raise AssertionError("the run has no end")


def killed(world: World, wanted: Publication, steps: int) -> Ended | None:
    """Let a run take so many steps and kill it before the next one; how it ended, if it has."""
    run_ = run(world, wanted)
    for number, each in enumerate(run_):
        if isinstance(each, Ended):
            return each
        if number == steps:
            return None
    return None
