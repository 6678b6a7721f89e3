"""Loopback ports for servers that a test stops and starts again."""

import os
import random
import socket
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import cycle, islice
from pathlib import Path


def free_ports(count: int) -> list[int]:
    """Ports that no outgoing connection can take while their server is down.

    They lie below the ephemeral range. A client that connects to a port within that range may get the same port as its
    own, connect to itself, and keep the server from returning. The workers of pytest-xdist draw from separate ports,
    and so do several runs at once (TEST_PART): otherwise one worker could take the port that another worker's server
    has just left. One worker gets a port again only after all others of its own: a server that will use its port may
    not have started yet.
    """
    return list(islice(filter(_is_free, _candidates()), count))


@cache
def _candidates() -> Iterator[int]:
    ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = slice_of(range(10_000, ephemeral), os.environ)
    return cycle(random.SystemRandom().sample(ports, len(ports)))


def slice_of(ports: range, environ: Mapping[str, str]) -> range:
    """The ports of this worker: every second one if there are two workers. TEST_PART=1/3: the second of three runs."""
    part, parts = map(int, environ.get("TEST_PART", "0/1").split("/"))
    worker = int(environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return ports[part::parts][worker :: int(environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
