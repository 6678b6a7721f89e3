"""`krt all --dev` as somebody with a browser has it."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import trio
import valkey

from krt.core.announce.event_id import EventId, parse
from krt.core.kube.object_key import ObjectKey
from krt.core.report.report import Group, GroupState
from krt.core.report.report_fields import target_field, to_json
from krt.core.report.target import Target
from tests.fakes.process import Process, pasted, process

GROUP = "default:1"
_OF_A_NEWER_KRT = "99"  # the worker leaves such an entry alone, and so its report stays as it was written


class Dev:
    """A running one; `page` is the URL of its live page."""

    def __init__(self, krt: Process) -> None:
        self.process = krt
        self.page = krt.out.partition("probes and the live page at ")[2].split()[0] + "/"
        self._valkey = krt.out.partition("Valkey at ")[2].split()[0]
        (self._line,) = [line for line in krt.out.splitlines() if " notify " in line]

    async def notify(self, image: str = "ghcr.io/acme/shop", tag: str = "dev") -> EventId:
        """Send an event, as the line does that it prints to be pasted."""
        done = await pasted(self._line.replace("ghcr.io/acme/shop --tags dev", f"{image} --tags {tag}"))
        assert done.returncode == 0, done
        return parse(done.stdout.split()[2])

    async def is_refused(self) -> None:
        """Send an event with a token for somebody else."""
        done = await pasted(f"{self._line} --audience https://elsewhere.example.com")
        assert done.returncode == 2, done

    async def write(
        self, fields: Mapping[str, str], targets: Mapping[ObjectKey, Target], *, seconds_ago: float | None = None
    ) -> EventId:
        """Put an event and its report into Valkey that krt itself would never take in: not older than the last one."""
        entry_id = "*" if seconds_ago is None else str(round((time.time() - seconds_ago) * 1000))

        def write() -> bytes:
            with valkey.from_url(self._valkey) as client:
                entry = client.xadd("{krt}:journal", {"schema": _OF_A_NEWER_KRT, **fields}, id=entry_id)
                event = {"schema": _OF_A_NEWER_KRT, "tags": json.dumps(["dev"]), **fields}
                event |= {f"group/{GROUP}": to_json(Group(GroupState.SETTLED, final=True))}
                event |= {target_field(GROUP, key): to_json(target) for key, target in targets.items()}
                client.hset(f"{{krt}}:report:{entry.decode()}", mapping=event)
                return entry

        return parse((await trio.to_thread.run_sync(write)).decode())


@asynccontextmanager
async def krt_dev(*, admin: str = "127.0.0.1:0") -> AsyncIterator[Dev]:
    async with process("all", "--dev", "--listen-addr", "127.0.0.1:0", "--admin-addr", admin) as krt:
        await krt.wait_said("ready")
        yield Dev(krt)
