"""Checks whether Valkey's configuration keeps every confirmed write over a crash (docs/correctness.md, J5)."""

from typing import cast

from krt.broker.client import Client
from krt.errors import BrokerRefused


async def durability_problems(client: Client) -> tuple[str, ...]:
    """A sentence for each setting with which Valkey could lose confirmed writes. Raises BrokerUnavailable."""
    persistence = _fields(await client.call("INFO", "persistence"))
    memory = _fields(await client.call("INFO", "memory"))
    fsync = await _appendfsync(client)
    is_logged = persistence.get("aof_enabled") == "1"
    found = {
        "appendonly is off: a crash of Valkey loses the journal": not is_logged,
        f"appendfsync is {fsync}: a crash loses the events accepted last": is_logged and fsync not in {None, "always"},
        f"maxmemory-policy is {memory.get('maxmemory_policy')}: a full Valkey evicts keys of krt": (
            memory.get("maxmemory_policy") != "noeviction"
        ),
    }
    return tuple(problem for problem, holds in found.items() if holds)


async def _appendfsync(client: Client) -> str | None:
    # INFO does not show appendfsync. The result is None if the user may not run CONFIG GET. The user of krt worker in
    # the ACL file of deploy/valkey may.
    try:
        reply = cast("list[bytes]", await client.call("CONFIG", "GET", "appendfsync"))
    except BrokerRefused:
        return None
    return reply[1].decode() if len(reply) == 2 else None


def _fields(info: object) -> dict[str, str]:
    lines = cast("bytes", info).decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
