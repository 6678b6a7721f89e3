"""Leadership: of several controllers, one at a time holds the Lease and works.

A holder that has not renewed for ten seconds stops; another takes over when it has seen no change for fifteen. So two
never work at once, unless a process is suspended; and then every write is an apply, or guarded by a version or a uid.
Source: kubernetes.io/docs, "Leases", and k8s.io/client-go, tools/leaderelection.
"""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import trio

from krt.cluster import objects
from krt.cluster.objects import Body
from krt.cluster.transport import Transport
from krt.core.kube.builtin import LEASE
from krt.core.kube.fields import number_at, text_at
from krt.core.kube.object_fields import FIELD_MANAGER
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.object_time import micro_spelled
from krt.errors import ClusterError, Conflict, NotThere
from krt.logs import Log

log = Log("controller")

SECONDS, RENEW_SECONDS, GIVE_UP_SECONDS = 15, 5.0, 10.0
_ASK_SECONDS = (1.5, 2.5)  # between two looks of a standby
_RELEASE_SECONDS = 3.0


class Leadership:
    """The Lease as one process sees it. `identity` names the process, and no two have the same.

    Each kind of controller has a Lease of its own, for a process may run one kind only.
    """

    def __init__(self, transport: Transport, lease: ObjectKey, identity: str, *, seconds: int = SECONDS) -> None:
        self.leads = False
        self.holder = ""
        self.problem: str | None = "the Lease was not read yet"
        self._transport, self._identity, self._seconds = transport, identity, seconds
        self._key = lease
        self._body: Body | None = None
        self._changed_at = -float("inf")  # when this process last saw the Lease change, on Trio's clock
        self._renewed_at = -float("inf")

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` whenever this process leads, and cancel it when it no longer does. Never returns."""
        try:
            while True:
                await self._until_held()
                await self._work(work)
        finally:
            await self._release()

    async def _work(self, work: Callable[[], Awaitable[None]]) -> None:
        log.info("leading", lease=self._key, identity=self._identity)
        self.leads = True
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._renew, nursery.cancel_scope)
                await work()
                raise AssertionError("the work of a leader never ends by itself")
        finally:
            self.leads = False
            log.info("leading_ended", lease=self._key)

    async def _until_held(self) -> None:
        while True:
            if await self._tried():
                return
            await trio.sleep(random.uniform(*_ASK_SECONDS))  # noqa: S311 - spreads load

    async def _tried(self) -> bool:
        """Whether the Lease is held now. Why it could not be asked for is in `problem`."""
        try:
            await self._look()
            self.problem = None
            if not self._is_free():
                return False
            await self._write(is_new_holder=True)
        except Conflict:
            return False
        except ClusterError as error:
            self._note_problem(str(error))
            return False
        return True

    def _is_free(self) -> bool:
        return self.holder in {"", self._identity} or trio.current_time() - self._changed_at >= self._seconds

    async def _look(self) -> None:
        try:
            body = await objects.read(self._transport, LEASE, self._key)
        except NotThere:
            self._body, self.holder = None, ""
            return
        if self._body is None or _version(body) != _version(self._body):
            self._changed_at = trio.current_time()
        self._note(body)

    async def _renew(self, scope: trio.CancelScope) -> None:
        while trio.current_time() - self._renewed_at < GIVE_UP_SECONDS:
            await trio.sleep(RENEW_SECONDS if self.problem is None else 1.0)
            try:
                with trio.move_on_at(self._renewed_at + GIVE_UP_SECONDS):
                    await self._renew_once()
            except ClusterError as error:
                self._note_problem(str(error))
                if isinstance(error, Conflict) and await self._is_lost():
                    break
        scope.cancel()

    async def _renew_once(self) -> None:
        await self._write(is_new_holder=False)
        self.problem = None

    async def _is_lost(self) -> bool:
        """Whether another process holds the Lease. A write whose answer was lost looks like a conflict, too."""
        try:
            await self._look()
        except ClusterError:
            return False
        return self.holder != self._identity

    async def _write(self, *, is_new_holder: bool) -> None:
        began = trio.current_time()
        if self._body is None:
            metadata = {"name": self._key.name, "namespace": self._key.namespace}
            spec = self._spec(is_new_holder=True)
            body = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
            self._note(await objects.create(self._transport, LEASE, self._key, body, manager=FIELD_MANAGER))
        else:
            fields = {
                "metadata": {"resourceVersion": _version(self._body)},
                "spec": self._spec(is_new_holder=is_new_holder),
            }
            self._note(await objects.merge(self._transport, LEASE, self._key, fields, manager=FIELD_MANAGER))
        self._renewed_at = began

    def _spec(self, *, is_new_holder: bool) -> dict[str, Any]:
        now = micro_spelled(datetime.now(UTC))
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": self._seconds, "renewTime": now}
        if is_new_holder:
            taken = number_at(self._body, "spec", "leaseTransitions") or 0
            spec |= {"acquireTime": now, "leaseTransitions": taken + 1}
        return spec

    async def _release(self) -> None:
        """Let the next one begin at once. If that fails, it waits for the Lease to run out."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _RELEASE_SECONDS):
            if self.holder != self._identity or self._body is None:
                return
            fields = {"metadata": {"resourceVersion": _version(self._body)}, "spec": {"holderIdentity": ""}}
            try:
                await objects.merge(self._transport, LEASE, self._key, fields, manager=FIELD_MANAGER)
            except ClusterError as error:
                log.info("lease_not_released", problem=error)

    def _note(self, body: Body) -> None:
        self._body, self.holder = body, text_at(body, "spec", "holderIdentity")

    def _note_problem(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("lease_unavailable", lease=self._key, problem=problem)
        self.problem = problem


def _version(body: Body) -> str:
    return text_at(body, "metadata", "resourceVersion")
