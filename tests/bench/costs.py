"""What a piece of work costs each process, in processor time: where all cores are busy, their sum is what it takes."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.bench.figures import cpu_seconds
from tests.bench.processes import Program
from tests.bench.servers import Servers


@dataclass(frozen=True, slots=True)
class Costs:
    """`pids` by what each process is called in the figures."""

    pids: Mapping[str, int]

    def measure(self) -> Callable[[int], dict[str, float]]:
        """Begin; to be called with how many times the work was done, for the milliseconds of each and of `all`."""
        before = {name: cpu_seconds(pid) for name, pid in self.pids.items()}

        def ended(times: int) -> dict[str, float]:
            spent = {name: (cpu_seconds(pid) - before[name]) / times * 1000 for name, pid in self.pids.items()}
            return {name: round(each, 2) for name, each in {"all": sum(spent.values()), **spent}.items()}

        return ended


def costs(servers: Servers, **programs: Program) -> Costs:
    """Of everything that runs, and of whoever measures."""
    assert servers.control_plane is not None
    around = {
        "API server": servers.control_plane.apiserver.pid,
        "etcd": servers.control_plane.etcd.pid,
        "Valkey": servers.valkey.pid,
        "who measures": os.getpid(),
    }
    return Costs({name: program.pid for name, program in programs.items()} | around)
