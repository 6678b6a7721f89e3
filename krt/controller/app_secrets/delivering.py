"""Acts on the decision about one Deployment: each write is guarded by the version or uid of the object it decided on.

The order is such that a process may be killed after any write. A copy is written before the Deployment names it, and
deleted once no Deployment names it. The next run finds what is left to do by looking at both. A Deployment
that lost its attachment gets it again first, and the copy counts it then: a patch that is refused restarts no pod.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import trio

from krt.cluster import objects
from krt.cluster.object_errors import AlreadyThere
from krt.cluster.transport import Transport
from krt.controller.app_secrets.place import EnvironmentPlace
from krt.core.app_secrets.app import SecretsApp
from krt.core.app_secrets.attach import NotAttachable, attach
from krt.core.app_secrets.copy_body import changed_copy, new_copy, noted_copy
from krt.core.app_secrets.decide import decide, decide_detached
from krt.core.app_secrets.decision import CopyDecision, Deliver, Detach, LinkState, NoChange
from krt.core.app_secrets.deployment import LinkedDeployment, read_deployment
from krt.core.app_secrets.entries import Entries
from krt.core.app_secrets.judge import Judgement, Linked
from krt.core.app_secrets.secrets import Source, read_source
from krt.core.kube.builtin import SECRET
from krt.core.kube.fields import texts_at
from krt.core.kube.object_fields import FIELD_MANAGER
from krt.core.kube.restartable import DEPLOYMENT
from krt.errors import Conflict, NotThere

_MOST_TRIES = 5

Operations = Sequence[Mapping[str, object]]


@dataclass(slots=True)
class SourceValues:
    """The source as it is now with its values, read when a delivery first needs them, and forgotten with the run."""

    transport: Transport
    source: Source
    digest_key: bytes
    _read: tuple[Source, Mapping[str, str]] | None = field(default=None, repr=False)
    _lock: trio.Lock = field(default_factory=trio.Lock)

    async def read(self) -> tuple[Source, Mapping[str, str]]:
        """The source, and the field `data` of its Secret. Raises Conflict if it is none any more."""
        async with self._lock:
            if self._read is None:
                body = await objects.read(self.transport, SECRET, SECRET.key(self.source.namespace, self.source.name))
                found = read_source(body, self.digest_key)
                if found is None or found.is_terminating or not (found.keys or found.allows_empty):
                    raise Conflict(f"the Secret {self.source.name} has just changed")
                self._read = found, texts_at(body, "data")
            return self._read


@dataclass(frozen=True, slots=True)
class Delivering:
    """The writes for one environment of an App. `place` is its Namespace."""

    transport: Transport
    app: SecretsApp
    environment: str
    place: EnvironmentPlace
    values: SourceValues | None
    now: Callable[[], datetime]
    taken: set[str] = field(default_factory=set)  # Deployments whose copy's name another Secret has

    async def act(self, judgement: Judgement, linked: Linked) -> CopyDecision:
        """Do what is to be done for the Deployment, and return the decision. Raises ClusterError.

        A decision that was overtaken by another change is made anew.
        """
        for _ in range(_MOST_TRIES):
            try:
                return await self._act_once(judgement, linked)
            except AlreadyThere:
                linked = await self._read_copy(linked)
            except (Conflict, NotThere):
                linked = await self._read_again(linked)
        raise Conflict(f"the Deployment {linked.name} and its copy change all the time")

    async def _act_once(self, judgement: Judgement, linked: Linked) -> CopyDecision:
        decision = self.decide(judgement, linked)
        if isinstance(decision, Deliver) and decision.has_values:
            decision = await self._with_values(judgement, linked, decision)
        await self._write(decision)
        return decision

    def decide(self, judgement: Judgement, linked: Linked) -> CopyDecision:
        """The decision at this moment."""
        if linked.name in self.app.environments[self.environment].deployments:
            return decide(self.app, self.environment, judgement, linked, self.now())
        if linked.deployment is not None and linked.deployment.is_detached:
            return decide_detached(self.app, linked.deployment, linked.copy)
        return NoChange(LinkState.WAITING)

    async def _with_values(self, judgement: Judgement, linked: Linked, decision: Deliver) -> CopyDecision:
        """The decision on the values that the source has now: they may be newer than those that were decided on."""
        assert self.values is not None, "a delivery has a source"
        source, _ = await self.values.read()
        if source == judgement.source:
            return decision
        return self.decide(replace(judgement, source=source), linked)

    async def _write(self, decision: CopyDecision) -> None:
        match decision:
            case Deliver(has_values=True):
                await self._write_copy(decision)
                await self._attach(decision)
            case Deliver():
                await self._attach(decision)
                await self._write_copy(decision)
            case Detach():
                await self._detach(decision)
            case NoChange():
                pass

    async def _write_copy(self, decision: Deliver) -> None:
        copy, data = decision.copy, dict[str, str]()
        if decision.has_values and self.values is not None:
            data.update((await self.values.read())[1])
        key = SECRET.key(self.place.namespace, decision.entries.copy)
        if copy is None:
            body = new_copy(decision, data)
            self._took(await objects.create(self.transport, SECRET, key, body, manager=FIELD_MANAGER))
            return
        operations = changed_copy(decision, copy, data) if decision.has_values else noted_copy(decision, copy)
        self._took(await objects.patch(self.transport, SECRET, key, operations, manager=FIELD_MANAGER))

    def _took(self, body: objects.Body) -> None:
        self.place.copies.take(body)

    async def _attach(self, decision: Deliver) -> None:
        """Patch the Deployment; its status changes often, and then the same entries are written at the new version."""
        operations: Operations = decision.operations
        wanted = decision.deployment
        for _ in range(_MOST_TRIES):
            if not operations:
                return
            try:
                await self._patch(wanted, operations)
            except Conflict:
                fresh = await self._deployment(wanted.name)
                if (fresh.uid, fresh.mode, fresh.is_terminating) != (wanted.uid, wanted.mode, wanted.is_terminating):
                    raise
                operations = self._operations(fresh, decision)
            else:
                return
        raise Conflict(f"the Deployment {wanted.name} changes all the time")

    def _operations(self, fresh: LinkedDeployment, decision: Deliver) -> Operations:
        try:
            return tuple(attach(fresh.body, decision.entries, decision.note.effect))
        except NotAttachable as error:
            raise Conflict(str(error)) from error

    async def _detach(self, decision: Detach) -> None:
        if decision.operations:
            await self._patch(decision.deployment, decision.operations)
        if decision.copy:
            key = SECRET.key(decision.copy.namespace, decision.copy.name)
            await objects.delete(self.transport, SECRET, key, uid=decision.copy.uid)
            self.place.copies.remove(key)

    async def _patch(self, deployment: LinkedDeployment, operations: Operations) -> None:
        key = DEPLOYMENT.key(deployment.namespace, deployment.name)
        body = await objects.patch(self.transport, DEPLOYMENT, key, operations, manager=FIELD_MANAGER)
        self.place.deployments.take(body)

    async def _deployment(self, name: str) -> LinkedDeployment:
        body = await objects.read(self.transport, DEPLOYMENT, DEPLOYMENT.key(self.place.namespace, name))
        self.place.deployments.take(body)
        return read_deployment(body)

    async def _read_again(self, linked: Linked) -> Linked:
        try:
            deployment = await self._deployment(linked.name)
        except NotThere:
            self.place.deployments.remove(DEPLOYMENT.key(self.place.namespace, linked.name))
            return replace(linked, deployment=None)
        return await self._read_copy(replace(linked, deployment=deployment))

    async def _read_copy(self, linked: Linked) -> Linked:
        key = SECRET.key(self.place.namespace, Entries(self.app.name, linked.name).copy)
        try:
            body = await objects.read(self.transport, SECRET, key)
        except NotThere:
            self.place.copies.remove(key)
            return replace(linked, copy=None, is_taken=False)
        copy = self.place.copies.take(body)
        if copy is None:
            self.taken.add(linked.name)
        return replace(linked, copy=copy, is_taken=copy is None)
