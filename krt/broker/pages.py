"""Reads a hash of any size, page by page, so that no reply is larger than a connection accepts."""

from collections.abc import Sequence
from typing import cast

from krt.broker.client import Client
from krt.broker.report_scripts import PAGE
from krt.broker.script import Script
from krt.logs import Log

log = Log("broker")

_PAGE_BYTES = 128 * 1024  # one scan step may exceed it: still far below the 1 MiB at which a connection is closed
_MOST_FIELDS = 200_000  # twice the fields of a report with 50,000 workloads
_CUT = (
    "somebody else writes here: krt ignores the other fields, so reports may lack workloads, and rollouts may not be "
    "followed to their end; remove the fields that krt did not write, or delete the key"
)


async def read_hash(client: Client, key: str, page: Script = PAGE) -> dict[str, str]:
    """All fields and values of a hash; `page` is the script that reads one page. Raises BrokerUnavailable.

    This is not a snapshot: a field that changes meanwhile has the old or the new value. If there are more than 200,000
    fields, the rest is left out, and an error is logged.
    """
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
    """A mapping from Valkey's flat list of fields and values. Bytes that are not UTF-8 are replaced."""
    parts = [part.decode(errors="replace") for part in flat]
    return dict(zip(parts[::2], parts[1::2], strict=True))
