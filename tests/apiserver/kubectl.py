"""The real kubectl, as a user of the cluster runs it."""

from dataclasses import dataclass
from pathlib import Path

import trio

from tests.apiserver.binaries import program


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str


async def kubectl(kubeconfig: Path, *arguments: str, stdin: str = "") -> Ran:
    """Run it to its end, whatever that is; nothing of the user's own kubectl settings counts."""
    done = await trio.run_process(
        [str(program("kubectl")), *arguments],
        env={"KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)},
        stdin=stdin.encode(),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
