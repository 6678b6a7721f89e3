"""`python -m tests.apiserver`: a real API server for a person, until Ctrl-C.

It prints the kubeconfig of an administrator. No container runs: a kubelet of the tests' own makes each pod ready.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from tests.apiserver.binaries import FILL_COMMAND, missing_programs, program
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.kubelet import open_kubelet


def main() -> int:
    if missing := missing_programs():
        print(f"python -m tests.apiserver: no {', '.join(missing)}: run {FILL_COMMAND}", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="krt-apiserver-") as folder:
        processes = ControlPlane(Path(folder))
        try:
            trio.run(_serve, processes)
        except* KeyboardInterrupt:
            pass
        finally:
            processes.stop()
    return 0


async def _serve(processes: ControlPlane) -> None:
    await processes.start()
    async with processes.admin_client() as client, open_kubelet(client):
        print(f"export KUBECONFIG={processes.kubeconfig}")
        print(f"alias kubectl={program('kubectl')}", flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    sys.exit(main())
