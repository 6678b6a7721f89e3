"""Whether what Valkey answered survives its crash: looked at, not assumed (J5 of docs/correctness.md)."""

from typing import cast

from krt.broker.client import Client
from krt.errors import BrokerRefused


async def durability_problems(client: Client) -> tuple[str, ...]:
    """What speaks against it, a sentence each. Raises BrokerUnavailable."""
    persistence = _fields(await client.call("INFO", "persistence"))
    memory = _fields(await client.call("INFO", "memory"))
    fsync = await _appendfsync(client)
    is_logged = persistence.get("aof_enabled") == "1"
    found = {
        "appendonly is off: a crash of Valkey loses the journal": not is_logged,
        f"appendfsync is {fsync}: a crash loses what was accepted last": is_logged and fsync not in {None, "always"},
        f"maxmemory-policy is {memory.get('maxmemory_policy')}: a full Valkey evicts what krt keeps": (
            memory.get("maxmemory_policy") != "noeviction"
        ),
    }
    return tuple(problem for problem, holds in found.items() if holds)


async def _appendfsync(client: Client) -> str | None:
    # INFO does not tell it, and not every user may ask: None then. krt worker's may in the ACL file of deploy/valkey.
    try:
        reply = cast("list[bytes]", await client.call("CONFIG", "GET", "appendfsync"))
    except BrokerRefused:
        return None
    return reply[1].decode() if len(reply) == 2 else None


def _fields(info: object) -> dict[str, str]:
    lines = cast("bytes", info).decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
