"""Kills a leading controller at one of its requests to the API server."""

from dataclasses import dataclass

from tests.apiserver.server import ApiServer
from tests.fakes.faults import Half, Silence
from tests.fakes.https_proxy import HttpsProxy
from tests.fault.krt_process import Krt


@dataclass(frozen=True)
class KillStep:
    """The leader is killed at a request: before the API server gets it, or after the server has done it."""

    name: str
    request: str
    is_done: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass
class Leader:
    """The leader's process, behind a proxy. `lease` is the name of its Lease."""

    krt: Krt
    proxy: HttpsProxy
    server: ApiServer
    namespace: str
    lease: str

    def hold_at(self, step: KillStep) -> None:
        """Let the leader come no further than the request of this step."""
        self.proxy.faults.on(step.request, Half(0, held=True) if step.is_done else Silence())

    async def kill_at(self, step: KillStep) -> None:
        """The Lease is taken away, so that the standby need not wait until it has run out."""
        await self.proxy.faults.wait_request(step.request)
        if step.is_done:
            await self.proxy.held.wait_value(lambda number: number > 0)
        self.krt.process.send_kill()
        self.krt.process.reap()
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
        await self.server.request("DELETE", f"{leases}/{self.lease}")
