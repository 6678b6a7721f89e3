"""`krt controller` as a process of its own, with every right, and perhaps behind a proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.apiserver.server import ApiServer
from tests.controller.conftest import EVERYTHING
from tests.fakes.https_proxy import HttpsProxy
from tests.fault.krt_process import Krt


@asynccontextmanager
async def open_controller(
    server: ApiServer,
    namespace: str,
    folder: Path,
    controllers: str,
    *,
    proxy: HttpsProxy | None = None,
    is_measured: bool = False,
    **settings: str,
) -> AsyncIterator[Krt]:
    """The process is started, and perhaps not ready; it is killed at the end. `controllers` is KRT_CONTROLLERS.

    If its memory `is_measured`, Python starts it: a fork has not read the files of the libraries.
    """
    account = await server.account(namespace, "krt-controller", [EVERYTHING], everywhere=True)
    own = {
        "KUBECONFIG": str(server.kubeconfig(account.token, proxy=proxy)),
        "KRT_CONTROLLER_NAMESPACE": namespace,
        "KRT_CONTROLLERS": controllers,
    }
    krt = Krt("controller", folder, own | settings, is_measured=is_measured)
    krt.spawn()
    try:
        yield krt
    finally:
        krt.process.send_kill()
        krt.process.reap()


def megabytes_of(krt: Krt, field: str) -> float:
    """The process's resident memory now (VmRSS), or the most that it has had (VmHWM)."""
    status = Path(f"/proc/{krt.process.pid}/status").read_text()
    [line] = [each for each in status.splitlines() if each.startswith(f"{field}:")]
    return int(line.split()[1]) / 1024
