"""A list of everything as it is and as gzip: bytes on the wire, and what it costs both ends to pack and to unpack."""

from time import perf_counter

from tests.bench.bare import bare
from tests.bench.costs import costs
from tests.bench.figures import Figures
from tests.bench.servers import Servers

ENCODINGS = ("identity", "gzip")


async def lists(servers: Servers, figures: Figures, *, rounds: int) -> None:
    """Interleaved, in pages of 250, decoded as krt decodes them; the last round is told."""
    assert servers.control_plane is not None
    assert servers.fleet is not None
    part, spent = f"a list of {servers.fleet.size:,} Deployments", costs(servers)
    for _ in range(rounds):
        found = {}
        for encoding in ENCODINGS:
            async with bare(servers.control_plane, encoding=encoding) as client:
                ended, began = spent.measure(), perf_counter()
                await client.list()
                cpu = {name: round(each / 1000, 2) for name, each in ended(1).items() if each}
                found[encoding] = (perf_counter() - began, client.wire_bytes, cpu)
    for encoding, (seconds, wire_bytes, cpu) in found.items():
        figures.note(part, f"{encoding}: MB on the wire; seconds", (round(wire_bytes / 1e6, 1), round(seconds, 2)))
        figures.note(part, f"{encoding}: CPU seconds", cpu)
