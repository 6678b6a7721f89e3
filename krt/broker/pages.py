"""Reads a hash of any size: no single answer of Valkey's is longer than a connection takes."""

from collections.abc import Sequence
from typing import cast

from krt.broker.client import Client
from krt.broker.report_scripts import PAGE
from krt.broker.script import Script
from krt.logs import Log

log = Log("broker")

_PAGE_BYTES = 128 * 1024  # and one step of the scan more: far from the megabyte at which a connection is cut
_MOST_FIELDS = 200_000  # of a report or of what is followed: twice what 50,000 workloads have
_CUT = (
    "somebody else writes here: what is beyond is passed over, so that reports may lack workloads and rollouts may not "
    "be followed to their end; take out what krt did not write, or delete the key"
)


async def read_hash(client: Client, key: str, page: Script = PAGE) -> dict[str, str]:
    """Fields and values, each as it was at some moment of the reading. Raises BrokerUnavailable."""
    found: dict[str, str] = {}
    cursor = b"0"
    while True:
        reply = await client.eval_script(page, [key], [cursor, _PAGE_BYTES])
        cursor, flat = cast("tuple[bytes, Sequence[bytes]]", reply)
        found |= texts(flat)
        if cursor == b"0":
            return found
        if len(found) > _MOST_FIELDS:
            log.error("hash_cut", key=key, fields=len(found), problem=_CUT)
            return found


def texts(flat: Sequence[bytes]) -> dict[str, str]:
    """Fields and values as they come from Valkey, one after the other."""
    parts = [part.decode(errors="replace") for part in flat]
    return dict(zip(parts[::2], parts[1::2], strict=True))
