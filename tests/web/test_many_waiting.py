"""500 jobs that wait for their rollouts at one krt web, all through one proxy. Prints its figures: pytest -s."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import pytest
import trio

from krt.broker.client import Client, open_client
from krt.broker.endpoint import parse_endpoint
from krt.broker.keys import Keys
from krt.broker.rollouts import ValkeyRollouts
from krt.core.announce.event_id import EventId, parse
from krt.core.report.report import Group, GroupState
from krt.core.report.target import Target, TargetState
from krt.serving.address import Address
from tests.fakes.around import Around, Krt, ask, get
from tests.fakes.keys import a_key
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.process import Process, process
from tests.serving.raw import Reply, read_to_end

pytestmark = [pytest.mark.slow, pytest.mark.alone]

JOBS = 500
PROXY = {"KRT_TRUSTED_PROXIES": "127.0.0.1/32"}
WEB = a_key("Deployment", "shop", "web")
ROLLING = Target(TargetState.PROGRESSING, uid="u1")
SAID = Group(GroupState.MATCHED)


@dataclass
class Job:
    """One that waits; `reply` and `at` (Trio's clock) are there when it was answered."""

    event: EventId
    token: str
    reply: Reply | None = None
    at: float = 0.0

    @property
    def state(self) -> str:
        assert self.reply
        return json.loads(self.reply.body)["state"] if self.reply.status == 200 else f"{self.reply.status}"


@dataclass
class Crowd:
    """`connected` counts those whose question is sent."""

    web: Address
    jobs: list[Job] = field(default_factory=list)
    connected: int = 0

    async def wait(self, job: Job) -> None:
        forwarded = f"X-Forwarded-For: 192.0.2.{self.connected % 250}"
        async with await trio.open_tcp_stream(self.web.host, self.web.port) as stream:
            await stream.send_all(get(f"/events/{job.event}?wait=25", job.token, more=forwarded))
            self.connected += 1
            job.reply = await read_to_end(stream)
            job.at = trio.current_time()


def resident_bytes(of: Process) -> int:
    text = Path(f"/proc/{of.pid}/statm").read_text()
    return int(text.split()[1]) * 4096


async def announced(krt: Krt, around: Around, count: int) -> list[Job]:
    """As many events, each of a repository of its own."""
    jobs: list[Job] = []

    async def announce(number: int) -> None:
        token = around.token(repository_id=f"{1000 + number}", repository=f"acme/app-{number}")
        reply = await krt.post(token)
        assert reply.status == 202, reply.received
        jobs.append(Job(parse(json.loads(reply.body)["id"]), token))

    for first in range(0, count, 50):
        async with trio.open_nursery() as nursery:
            for number in range(first, first + 50):
                nursery.start_soon(announce, number)
    return jobs


async def test_500_jobs_wait_and_are_told_at_sigterm_what_there_is_to_tell(around: Around):
    async with (
        process("web", environ={**around.of("web"), **PROXY}) as running,
        open_client(parse_endpoint(around.valkey.address)) as client,
        trio.open_nursery() as nursery,
    ):
        started = await running.wait_said("started")
        await running.wait_said("ready")
        krt = Krt.at(started["web_at"][0])
        jobs = await announced(krt, around, 2 * JOBS)
        before = resident_bytes(running)
        told, untold = Crowd(krt.web, jobs[:JOBS]), Crowd(krt.web, jobs[JOBS:])
        await crowd_in(told, nursery)
        during = resident_bytes(running)
        others = [await asked_meanwhile(krt, around) for _ in range(20)]
        seconds = await changes_heard(told, client)
        await crowd_in(untold, nursery)
        code, stopped_seconds = await running.stopped()
    print(
        f"\n{JOBS} waiting jobs: {(during - before) / 1e6:.1f} MB more than the {before / 1e6:.1f} MB before them;"
        f" a change was told after {median(seconds):.2f} s (median), {quantiles(seconds, n=20)[-1]:.2f} s (95 %),"
        f" {max(seconds):.2f} s (longest); other calls took {median(others) * 1000:.0f} ms (median),"
        f" {max(others) * 1000:.0f} ms (longest); SIGTERM: exit {code} after {stopped_seconds:.2f} s"
    )
    assert {job.state for job in told.jobs} == {"rolling"}
    assert {job.state for job in untold.jobs} == {"accepted"}
    assert code == 0
    assert (during - before) / JOBS < 200_000
    assert median(seconds) < slack(5)
    assert stopped_seconds < slack(5)


async def crowd_in(crowd: Crowd, nursery: trio.Nursery) -> None:
    for job in crowd.jobs:
        nursery.start_soon(crowd.wait, job)
    await until_on_trio_clock(lambda: crowd.connected == JOBS)
    await trio.sleep(1)  # another process: for an answer that comes too early
    assert not any(job.reply for job in crowd.jobs)


async def asked_meanwhile(krt: Krt, around: Around) -> float:
    began = trio.current_time()
    reply = await ask(krt.web, get("/events/1-0", around.token()))
    assert reply.status == 404
    return trio.current_time() - began


async def changes_heard(crowd: Crowd, client: Client) -> list[float]:
    """All rollouts begin within a second or two; how long after that each job heard of its own."""
    rollouts, said_at = ValkeyRollouts(client, Keys("krt"), group="default:1"), dict[EventId, float]()
    for job in crowd.jobs:
        await rollouts.record(job.event, SAID, {WEB: ROLLING}, {WEB: "u1"})
        said_at[job.event] = trio.current_time()
    await until_on_trio_clock(lambda: all(job.reply for job in crowd.jobs))
    return [job.at - said_at[job.event] for job in crowd.jobs]
