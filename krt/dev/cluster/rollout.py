"""Acts as the workload controllers: after a change of a spec, it advances the status. Each change is a watch event."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import trio

from krt.dev.cluster.kinds import DAEMONSET, DEPLOYMENT, STATEFULSET, Json, Kind
from krt.dev.cluster.progress import (
    NODES,
    Moment,
    Pods,
    advance,
    daemonset_status,
    deployment_announcement,
    deployment_status,
    outdated,
    statefulset_status,
)
from krt.dev.cluster.store import ObjectStore

CONTROLLER = "kube-controller-manager"
FAILS = "stand-in/rollout"
"""An annotation of a workload. With the value `fails`, its new pods never get ready."""
REVISION = "deployment.kubernetes.io/revision"

STATUS_OF: dict[str, Callable[[Moment], Json]] = {
    DEPLOYMENT.name: deployment_status,
    STATEFULSET.name: statefulset_status,
    DAEMONSET.name: daemonset_status,
}


@dataclass(slots=True)
class _Rolling:
    """A workload whose status is behind its spec. If `resting`, nothing changes until the spec does."""

    kind: Kind
    namespace: str
    name: str
    pods: Pods
    new_template: bool = False
    observed: bool = False
    resting: bool = False
    deadline: float | None = None


class StandInRollouts:
    """All rollouts of a store, one step every `step_seconds` on Trio's clock."""

    def __init__(self, store: ObjectStore, step_seconds: float) -> None:
        self._store = store
        self._step_seconds = step_seconds
        self._rolling: dict[str, _Rolling] = {}  # by uid; at most one for each workload
        self._wake = trio.Event()
        store.observers.append(self._observe)

    async def run(self) -> None:
        """Advance the rollouts, for ever. Sleeps while none can advance."""
        while True:
            if all(rolling.resting for rolling in self._rolling.values()):
                self._wake = trio.Event()
                await self._wake.wait()
            await trio.sleep(self._step_seconds)
            await self.step()

    async def step(self) -> None:
        """Advance every rollout by one step."""
        for uid, rolling in list(self._rolling.items()):
            if not rolling.resting and uid in self._rolling:
                self._step(uid, rolling)
                await trio.lowlevel.checkpoint()

    def _observe(self, kind: Kind, before: Json | None, after: Json | None) -> None:
        if not kind.is_workload:
            return
        if after is None:
            self._rolling.pop(before["metadata"]["uid"] if before else "", None)
            return
        metadata = after["metadata"]
        if after["status"].get("observedGeneration") == metadata["generation"]:
            return
        if before and before["metadata"]["generation"] == metadata["generation"]:
            return
        pods = Pods(0, 0, 0) if before is None else _settled(kind, before)
        fresh = _Rolling(kind, metadata["namespace"], metadata["name"], pods, new_template=before is None)
        rolling = self._rolling.setdefault(metadata["uid"], fresh)
        if before and before["spec"]["template"] != after["spec"]["template"]:
            rolling.pods, rolling.new_template = outdated(rolling.pods), True
        rolling.observed = rolling.resting = False
        rolling.deadline = None
        self._wake.set()

    def _step(self, uid: str, rolling: _Rolling) -> None:
        document = self._store.read(rolling.kind, rolling.namespace, rolling.name).document()
        spec, desired = document["spec"], _desired(rolling.kind, document)
        held = spec.get("paused", False) or spec.get("updateStrategy", {}).get("type") == "OnDelete"
        stuck = False
        if rolling.observed and not held:
            pods = _planned(rolling, document, desired)
            stuck = pods == rolling.pods
            rolling.pods = pods
        planned = rolling.pods if held else _planned(rolling, document, desired)
        timed_out = stuck and self._timed_out(rolling, spec)
        moment = Moment(document, rolling.pods, planned, desired, self._store.time(), timed_out)
        if not rolling.observed and rolling.kind is DEPLOYMENT:
            moment = self._announce(rolling, moment)
        self._write(rolling, STATUS_OF[rolling.kind.name](moment))
        rolling.resting = rolling.observed and (held or moment.timed_out)
        rolling.observed = True
        if moment.complete and not rolling.pods.terminating:
            del self._rolling[uid]

    def _announce(self, rolling: _Rolling, moment: Moment) -> Moment:
        new_template, rolling.new_template = rolling.new_template, False
        announced = deployment_announcement(moment, new_template=new_template)
        return replace(moment, document=self._write(rolling, announced, new_template=new_template))

    def _timed_out(self, rolling: _Rolling, spec: Json) -> bool:
        if rolling.kind is not DEPLOYMENT:
            return False
        if rolling.deadline is None:
            rolling.deadline = trio.current_time() + spec["progressDeadlineSeconds"]
        return trio.current_time() >= rolling.deadline

    def _write(self, rolling: _Rolling, status: Json, *, new_template: bool = False) -> Json:
        def change(before: Json) -> Json:
            changed = {**before, "status": status}
            return _next_revision(changed) if new_template else changed

        written = self._store.update(
            rolling.kind, rolling.namespace, rolling.name, change, manager=CONTROLLER, subresource="status"
        )
        return written.document()


def _planned(rolling: _Rolling, document: Json, desired: int) -> Pods:
    fails = document["metadata"].get("annotations", {}).get(FAILS) == "fails"
    return advance(rolling.pods, desired, surge=rolling.kind is DEPLOYMENT, fails=fails)


def _desired(kind: Kind, document: Json) -> int:
    desired: int = NODES if kind is DAEMONSET else document["spec"]["replicas"]
    return desired


def _settled(kind: Kind, document: Json) -> Pods:
    desired = _desired(kind, document)
    return Pods(0, desired, desired)


def _next_revision(document: Json) -> Json:
    """Raise the revision annotation, which the Deployment controller writes through the status endpoint."""
    annotations = document["metadata"].get("annotations", {})
    numbered = {**annotations, REVISION: str(int(annotations.get(REVISION, "0")) + 1)}
    return {**document, "metadata": {**document["metadata"], "annotations": numbered}}
