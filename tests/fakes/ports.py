"""Loopback ports for servers that a test stops and starts again."""

import random
import socket
from pathlib import Path


def free_ports(count: int) -> list[int]:
    """Ports that no outgoing connection can take while their server is down.

    They lie below the ephemeral range: a client that knocks at a port of that range may be given that very
    port as its own, connect to itself, and keep the server from coming back.
    """
    ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = random.SystemRandom().sample(range(10_000, ephemeral), 100)
    return [port for port in candidates if _is_free(port)][:count]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
