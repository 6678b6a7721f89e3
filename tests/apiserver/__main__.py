"""A real API server for a person, until Ctrl-C: what tests/apiserver/up runs.

No container runs: a kubelet of the tests' own makes each pod ready.
"""

import shlex
import signal
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from tests.apiserver.binaries import FILL_COMMAND, PROGRAMS, missing_programs, program
from tests.apiserver.control_plane import ControlPlane, ControlPlaneError
from tests.apiserver.kubelet import open_kubelet
from tests.apiserver.processes import Process

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

say = partial(print, flush=True)


def main() -> int:
    if missing := missing_programs():
        folder = program(PROGRAMS[0]).parent
        say(f"{folder} has no {', '.join(missing)}: run {FILL_COMMAND}, which fills it", file=sys.stderr)
        return 2
    for each in ENDINGS:  # heard by _until_ended alone: a second Ctrl-C must not cut the clearing away short
        signal.signal(each, signal.SIG_IGN)
    with TemporaryDirectory(prefix="krt-apiserver-") as folder:
        return trio.run(_until_ended, Path(folder))


async def _until_ended(folder: Path) -> int:
    """Run until a signal comes (0), or one of the processes ends by itself (1)."""
    processes, problem = ControlPlane(folder), ""
    try:
        with trio.open_signal_receiver(*ENDINGS) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_at, signals, nursery.cancel_scope)
                problem = await _serve(processes)
                nursery.cancel_scope.cancel()
    finally:
        processes.stop()
    say(problem or "\nstopped; nothing is left of it", file=sys.stderr if problem else sys.stdout)
    return 1 if problem else 0


async def _cancel_at(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    await anext(signals)
    scope.cancel()


async def _serve(processes: ControlPlane) -> str:
    """Why it could not be started, or did not go on."""
    say("starting etcd, kube-apiserver and kube-controller-manager on loopback")
    try:
        await processes.start()
    except ControlPlaneError as error:
        return str(error)
    async with processes.admin_client() as client, open_kubelet(client):
        paths = {"kubeconfig": processes.kubeconfig, "kubectl": program("kubectl")}
        say(_INVITATION.format_map({name: shlex.quote(str(path)) for name, path in paths.items()}))
        ended = await _first_ended(processes.etcd, processes.apiserver, processes.controller_manager)
    return f"{ended.name} ended by itself\n{ended.last_output()}"


async def _first_ended(*processes: Process) -> Process:
    ended = list[Process]()

    async def wait(process: Process) -> None:
        await process.wait_exit()
        ended.append(process)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for each in processes:
            nursery.start_soon(wait, each)
    return ended[0]


_INVITATION = """\
A cluster with one node is there. Its pods become ready at once, and no container runs. For a second terminal:

export KUBECONFIG={kubeconfig}
alias kubectl={kubectl}

Ctrl-C here stops and removes everything."""


if __name__ == "__main__":
    sys.exit(main())
