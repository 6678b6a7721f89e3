"""Measures the cost of Valkey's durability for an event, and an event's memory and disk, for docs/valkey.md.

python -m tests.fault.measure_accept [EVENTS]
"""

import sys
from pathlib import Path

import trio

from krt.broker.accept import Acceptor
from krt.broker.client import Client, open_client
from krt.broker.endpoint import parse_endpoint
from krt.broker.journal import ValkeyJournal
from krt.broker.keys import Keys
from krt.broker.rollouts import ValkeyRollouts
from krt.core.announce.event import build
from krt.core.caller.use import Use
from krt.core.ports.rollouts import FollowedWorkload
from krt.core.report.report import Group, GroupState
from krt.core.report.target import Target, TargetState
from krt.dev.valkey import EmbeddedValkey, open_valkey
from tests.fakes.keys import a_key
from tests.fakes.values import an_envelope

KEYS = Keys("krt")
GROUP = "default:ccd3feef"
UID = "0b7ad5e1-3a06-4f43-8d3a-6b4a2f3b1c55"
TARGETS = 5
AT_ONCE = (1, 8)  # 8 is the size of a krt web's pool of connections
SETTINGS = {
    "appendfsync always": ("--appendonly", "yes", "--appendfsync", "always"),
    "appendfsync everysec": ("--appendonly", "yes", "--appendfsync", "everysec"),
    "appendonly no": ("--appendonly", "no"),
}


async def main(events: int) -> None:
    print("one event a call, from one process, on this machine's disk")
    for name, arguments in SETTINGS.items():
        rates = [await rate(arguments, events, tasks) for tasks in AT_ONCE]
        told = ", ".join(
            f"{rate:5.0f} events/s ({tasks} at a time)" for tasks, rate in zip(AT_ONCE, rates, strict=True)
        )
        print(f"{name:22} {told}")
    alone, with_targets = await size(events, 0), await size(events, TARGETS)
    a_target = [(more - less) / TARGETS for more, less in zip(with_targets, alone, strict=True)]
    print("an event takes {:.0f} bytes of memory and {:.0f} of append-only file,".format(*alone))
    print("and for each workload in its report {:.0f} and {:.0f} more".format(*a_target))


async def rate(arguments: tuple[str, ...], events: int, tasks: int) -> float:
    async with open_valkey(arguments=arguments) as valkey, open_client(parse_endpoint(valkey.address)) as client:
        await accept(client, 100, 1, first=-1000)
        began = trio.current_time()
        await accept(client, events, tasks)
        return events / (trio.current_time() - began)


async def size(events: int, targets: int) -> tuple[float, float]:
    """The memory and disk of one settled event with all its keys: entry, report, spent token and retry key."""
    async with open_valkey(durable=True) as valkey, open_client(parse_endpoint(valkey.address)) as client:
        await accept(client, 100, 1, first=-1000)
        before = await used_bytes(client), file_bytes(valkey)
        await accept(client, events, max(AT_ONCE))
        if targets:
            await settle(client, targets)
        after = await used_bytes(client), file_bytes(valkey)
    memory, file = ((late - early) / events for late, early in zip(after, before, strict=True))
    return memory, file


async def settle(client: Client, targets: int) -> None:
    """Settle all events, each with `targets` workloads, all ready."""
    journal = ValkeyJournal(client, KEYS, group=GROUP, most_entries=10_000_000)
    rollouts = ValkeyRollouts(client, KEYS, group=GROUP)
    keys = [a_key("Deployment", "shop", f"shop-frontend-{number}") for number in range(targets)]
    ready = Target(TargetState.READY, updated=3, available=3, desired=3, seconds=12.4, version=123_456)
    while delivered := await journal.read_new(100):
        for entry in delivered:
            waiting = dict.fromkeys(keys, Target(TargetState.WAITING))
            await rollouts.record(entry.id, Group(GroupState.MATCHED), waiting, dict.fromkeys(keys, UID))
            await rollouts.settle(entry.id, Group(GroupState.SETTLED, final=True), {}, {})
            for key in keys:
                await rollouts.tell(FollowedWorkload(key, UID, (entry.id,)), ready)


async def accept(client: Client, events: int, tasks: int, *, first: int = 0) -> None:
    acceptor = Acceptor(client, KEYS, channel="kuberollouttrigger", most_entries=10_000_000)
    numbers = iter(range(first, first + events))
    envelope = an_envelope(build("ghcr.io/acme/shop-frontend", ["dev"]), request_id="0123456789abcdef")

    async def work() -> None:
        for number in numbers:
            await acceptor.accept(envelope, Use(token=f"{number:064}", fingerprint="f" * 64, retry=f"{number:064}"))

    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(work)


async def used_bytes(client: Client) -> int:
    info = await client.call("INFO", "memory")
    assert isinstance(info, bytes)
    return int(dict(line.split(b":", 1) for line in info.splitlines() if b":" in line)[b"used_memory"])


def file_bytes(valkey: EmbeddedValkey) -> int:
    return sum(path.stat().st_size for path in Path(valkey.directory, "appendonlydir").iterdir())


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
