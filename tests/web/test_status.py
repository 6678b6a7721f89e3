"""`GET /events/ID`: whose it is, and how long it waits. The waiting by Trio's clock, the rest over real sockets."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
import trio

from krt.broker.client import Client, open_client
from krt.broker.endpoint import parse_endpoint
from krt.broker.keys import Keys
from krt.broker.rollouts import ValkeyRollouts
from krt.core.announce.event_id import EventId, parse
from krt.core.envelope import Envelope, to_fields
from krt.core.ports.channel import ChannelMessage, Signal, Subscribed, Unsubscribed
from krt.core.report.presence import Seen
from krt.core.report.report import ENDED, Group, GroupState, Report
from krt.core.report.target import Target, TargetState
from krt.errors import BrokerUnavailable
from krt.web.answers import WebAnswer
from krt.web.call import Call
from krt.web.gate import Caller
from krt.web.routes import Route
from krt.web.status import MOST_WAIT_SECONDS, ReportDesk, get_event
from krt.web.watch import LOOK_SECONDS, TOGETHER_SECONDS, ReportWatch
from tests.fakes.around import Around, Krt, ask, get, running
from tests.fakes.keys import a_key
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.process import process as krt_process
from tests.fakes.values import a_sighting, an_envelope, an_event, an_identity
from tests.serving.raw import Reply

EVENT = EventId(1_795_176_000_000, 0)
ACCEPTED_AT = EVENT.milliseconds / 1000
GROUP = "default:1"
WEB = a_key("Deployment", "shop", "web")
MATCHED, SETTLED = Group(GroupState.MATCHED), Group(GroupState.SETTLED, final=True)
ROLLING, READY = Target(TargetState.PROGRESSING), Target(TargetState.READY)


@dataclass
class Shelf:
    """One report, as Valkey would hold it; `reads` counts who looks. `away` makes it unavailable."""

    report: Report = field(default_factory=lambda: Report(EVENT, to_fields(an_envelope()), {GROUP: MATCHED}))
    seen: float = ACCEPTED_AT
    reads: int = 0
    away: bool = False
    read_seconds: float = 0.0

    async def read(self, event: EventId) -> tuple[Report, Seen] | None:
        self.reads += 1
        if self.away:
            raise BrokerUnavailable("away")
        found = (self.report, Seen({GROUP: a_sighting(self.seen)}, ACCEPTED_AT + 5)) if event == EVENT else None
        await trio.sleep(self.read_seconds)
        return found

    def roll(self, target: Target, group: Group = SETTLED) -> None:
        self.report = replace(self.report, groups={GROUP: group}, targets={(GROUP, WEB): target})


@dataclass
class Room:
    """A shelf, those who wait in front of it, and what they hear."""

    shelf: Shelf
    watch: ReportWatch
    stopping: trio.Event
    rings: trio.MemorySendChannel[Signal]
    repository_id: str = "74"

    def ring(self, event: EventId = EVENT) -> None:
        self.rings.send_nowait(ChannelMessage(str(event).encode()))

    async def ask(self, wait_seconds: float = 0.0, event: EventId = EVENT, *known: str) -> WebAnswer:
        headers = tuple((b"if-none-match", tag.encode("latin-1")) for tag in known)
        caller = Caller(an_identity(repository_id=self.repository_id), rules=())
        call = Call(Route.REPORT, f"/events/{event}?wait={wait_seconds:.0f}".encode(), headers, caller, "r-1")
        return await get_event(ReportDesk(self.shelf.read, self.watch), call)

    async def timed(self, wait_seconds: float, *known: str) -> tuple[WebAnswer, float]:
        """The answer, and how long it took."""
        began = trio.current_time()
        return await self.ask(wait_seconds, EVENT, *known), trio.current_time() - began


@pytest.fixture
async def room(nursery) -> AsyncIterator[Room]:
    stopping = trio.Event()
    rings_in, rings_out = trio.open_memory_channel[Signal](100)
    watch = ReportWatch(3, stopping)
    nursery.start_soon(watch.hear, rings_out)
    nursery.start_soon(watch.end_when_stopping)
    yield Room(Shelf(), watch, stopping, rings_in)
    nursery.cancel_scope.cancel()


def state(answer: WebAnswer) -> str:
    assert answer.status == 200, answer
    found = json.loads(answer.body)["state"]
    assert isinstance(found, str)
    return found


async def test_without_wait_the_report_is_told_as_it_is(room: Room, autojump_clock):
    assert (state(await room.ask()), room.shelf.reads) == ("accepted", 1)


async def test_wait_returns_with_a_change_soon_after_it_was_rung_for(room: Room, autojump_clock, nursery):
    async def later() -> None:
        await trio.sleep(7)
        room.shelf.roll(ROLLING)
        room.ring()

    nursery.start_soon(later)
    answer, seconds = await room.timed(25)
    assert (state(answer), seconds) == ("rolling", pytest.approx(7 + TOGETHER_SECONDS))


async def test_changes_that_come_together_are_told_together(room: Room, autojump_clock, nursery):
    async def later() -> None:
        for target in (Target(TargetState.WAITING), ROLLING, READY):
            room.shelf.roll(target)
            room.ring()
            await trio.sleep(TOGETHER_SECONDS / 4)

    nursery.start_soon(later)
    answer, _ = await room.timed(25)
    assert (state(answer), room.shelf.reads) == ("ready", 2)


async def test_a_change_that_nobody_rang_for_is_seen_at_the_next_look(room: Room, autojump_clock, nursery):
    async def later() -> None:
        await trio.sleep(1)
        room.shelf.roll(ROLLING)

    nursery.start_soon(later)
    answer, seconds = await room.timed(25)
    assert (state(answer), seconds) == ("rolling", pytest.approx(LOOK_SECONDS))


async def test_a_change_while_the_report_is_being_read_is_not_missed(room: Room, autojump_clock, nursery):
    """Seen to fail with the ear opened after the first look: the call waited for the next look, 5 s later."""
    room.shelf.read_seconds = 0.5

    async def later() -> None:
        await trio.sleep(0.25)
        room.shelf.roll(ROLLING)
        room.ring()

    nursery.start_soon(later)
    answer, seconds = await room.timed(25)
    assert (state(answer), seconds < 2) == ("rolling", True)


async def test_what_is_rung_for_and_no_different_is_no_change(room: Room, autojump_clock, nursery):
    async def later() -> None:
        for second in range(1, 20):
            await trio.sleep(1)
            room.shelf.seen = ACCEPTED_AT + second  # workers say that they live, which tells nothing
            room.ring()

    nursery.start_soon(later)
    answer, seconds = await room.timed(10)
    assert (state(answer), seconds) == ("accepted", 10)
    assert room.shelf.reads <= 12


async def test_a_change_between_two_calls_is_told_at_once_to_who_says_what_it_knows(room: Room, autojump_clock):
    """Without, it was told with the change after it, or 25 s later."""
    tag = (await room.ask()).headers["ETag"]
    room.shelf.roll(ROLLING)
    answer, seconds = await room.timed(25, tag)
    assert (state(answer), seconds) == ("rolling", 0)
    assert answer.headers["ETag"] != tag
    assert (await room.timed(25))[1] == 25


async def test_who_knows_it_all_waits_for_something_else_and_is_told_that_there_is_nothing(room: Room, autojump_clock):
    tag = (await room.ask()).headers["ETag"]
    answer, seconds = await room.timed(25, '"of-something-else"', f'"x", {tag}')
    assert (answer.status, answer.body, answer.headers, seconds) == (304, b"", {"ETag": tag}, 25)
    assert (await room.ask(0, EVENT, tag)).status == 304
    assert (await room.ask(0, EVENT, "*")).status == 200


async def test_that_a_worker_lives_makes_no_other_tag(room: Room, autojump_clock):
    tag = (await room.ask()).headers["ETag"]
    room.shelf.seen += 3
    assert (await room.ask()).headers["ETag"] == tag


@pytest.mark.parametrize("known", ["", "x", '"', "W/", ",,,", "\xff", '"' + "x" * 9000 + '"'])
async def test_whatever_is_said_to_be_known_hurts_nobody(room: Room, autojump_clock, known: str):
    answer, seconds = await room.timed(25, known)
    assert (state(answer), seconds) == ("accepted", 0)


async def test_no_tag_opens_the_event_of_another_repository(room: Room, autojump_clock):
    tag = (await room.ask()).headers["ETag"]
    room.repository_id = "75"
    assert (await room.ask(25, EVENT, tag)).status == 404


@pytest.mark.parametrize("asked", [MOST_WAIT_SECONDS, 26, 9999])
async def test_wait_ends_after_twenty_five_seconds_at_the_latest(room: Room, autojump_clock, asked: float):
    _, seconds = await room.timed(asked)
    assert seconds == MOST_WAIT_SECONDS


async def test_wait_on_a_final_report_returns_at_once(room: Room, autojump_clock):
    room.shelf.roll(READY)
    answer, seconds = await room.timed(25)
    assert (state(answer), seconds) == ("ready", 0)
    told = replace(room.shelf.report, event={**room.shelf.report.event, ENDED: "expired"})
    room.shelf.report = replace(told, targets={(GROUP, WEB): ROLLING})
    answer, seconds = await room.timed(25)
    assert (state(answer), seconds) == ("expired", 0)


async def test_one_call_more_than_may_wait_is_answered_at_once(room: Room, autojump_clock, nursery):
    """KRT_MAX_WAITING is 3 here."""
    done: list[float] = []

    async def wait() -> None:
        done.append((await room.timed(25))[1])

    for _ in range(3):
        nursery.start_soon(wait)
    await trio.sleep(1)
    answer, seconds = await room.timed(25)
    assert (state(answer), seconds) == ("accepted", 0)
    await trio.sleep(30)
    assert done == [25, 25, 25]
    assert (await room.timed(25))[1] == 25


async def test_those_who_wait_are_answered_at_once_when_the_process_stops(room: Room, autojump_clock, nursery):
    async def stop() -> None:
        await trio.sleep(3)
        room.stopping.set()

    nursery.start_soon(stop)
    answer, seconds = await room.timed(25)
    assert (state(answer), seconds) == ("accepted", 3)
    assert (await room.timed(25))[1] == 0


async def test_a_new_connection_to_valkey_is_a_reason_to_look(room: Room, autojump_clock, nursery):
    async def later() -> None:
        await trio.sleep(1)
        room.rings.send_nowait(Unsubscribed("connection"))
        room.shelf.roll(ROLLING)
        await trio.sleep(1)
        room.rings.send_nowait(Subscribed())

    nursery.start_soon(later)
    answer, seconds = await room.timed(25)
    assert (state(answer), seconds) == ("rolling", pytest.approx(2 + TOGETHER_SECONDS))


@pytest.mark.parametrize("payload", [b"", b"x", b"1", b"\xff", b"1-0-0", b"01-0", b"9" * 1000])
async def test_whatever_else_is_said_on_the_channel_wakes_nobody(room: Room, autojump_clock, nursery, payload: bytes):
    async def later() -> None:
        room.rings.send_nowait(ChannelMessage(payload))
        room.ring(EventId(1, 0))

    nursery.start_soon(later)
    await room.timed(4)
    assert room.shelf.reads <= 2


async def test_a_valkey_that_goes_away_meanwhile_is_told(room: Room, autojump_clock, nursery):
    async def later() -> None:
        await trio.sleep(1)
        room.shelf.away = True

    nursery.start_soon(later)
    answer, seconds = await room.timed(25)
    assert (answer.status, seconds) == (503, LOOK_SECONDS)


async def test_an_event_that_never_was_is_not_waited_for(room: Room, autojump_clock):
    answer = await room.ask(25, EventId(1, 0))
    assert (answer.status, trio.current_time(), room.shelf.reads) == (404, 0, 1)


async def test_an_event_of_another_repository_is_not_waited_for_either(room: Room, autojump_clock):
    unknown = await room.ask(25, EventId(1, 0))
    room.repository_id = "75"
    assert await room.ask(25) == unknown
    assert trio.current_time() == 0


async def test_an_event_that_only_the_channel_carried_is_nobodys(room: Room, autojump_clock):
    room.shelf.report = replace(room.shelf.report, event=to_fields(Envelope(an_event(), None, "r-1")))
    assert (await room.ask()).status == 404


async def test_nobody_who_left_is_remembered(room: Room, autojump_clock):
    with trio.move_on_after(1):
        await room.ask(25)
    await room.ask(2)
    assert not room.watch._ears
    assert room.watch.is_open


# Over real sockets


@pytest.fixture
async def client(around: Around) -> AsyncIterator[Client]:
    async with open_client(parse_endpoint(around.valkey.address)) as opened:
        yield opened


def without_its_own(reply: Reply) -> bytes:
    """The answer, but for what differs with every answer."""
    return re.sub(rb"(?im)^(date|x-request-id): .*\r\n", b"", reply.received)


async def accepted(around: Around, web: Krt) -> EventId:
    return parse(json.loads((await web.post(around.token())).body)["id"])


async def test_the_repository_that_announced_it_reads_its_report(around: Around, web: Krt):
    event = await accepted(around, web)
    reply = await ask(web.web, get(f"/events/{event}", around.token()))
    told = json.loads(reply.body)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert (told["id"], told["state"], told["image"], told["tags"]) == (
        str(event),
        "accepted",
        "ghcr.io/acme/shop",
        ["dev"],
    )
    assert (told["clusters"], told["targets"], told["by"]["repository"]) == ([], [], "acme/shop")


async def test_who_sends_the_tag_back_is_told_that_nothing_has_changed(around: Around, web: Krt):
    path = f"/events/{await accepted(around, web)}"
    tag = (await ask(web.web, get(path, around.token()))).headers["etag"]
    again = get(path, around.token()).replace(b"\r\n\r\n", b"\r\nIf-None-Match: " + tag.encode() + b"\r\n\r\n")
    reply = await ask(web.web, again)
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", tag)
    assert reply.headers["connection"] == "close"


async def test_a_renamed_repository_is_the_same_by_its_id(around: Around, web: Krt):
    event = await accepted(around, web)
    renamed = around.token(repository="acme/store")
    assert (await ask(web.web, get(f"/events/{event}", renamed))).status == 200


@pytest.mark.parametrize("query", ["", "?wait=25"])
async def test_for_another_repository_the_event_is_like_one_that_never_was(around: Around, web: Krt, query: str):
    event = await accepted(around, web)
    other = {"repository": "acme/blog", "repository_id": "75"}
    its = await ask(web.web, get(f"/events/{event}{query}", around.token(**other)))
    never = await ask(web.web, get(f"/events/1-0{query}", around.token(**other)))
    assert its.status == 404
    assert its.body == b""
    assert without_its_own(its) == without_its_own(never)
    assert without_its_own(its) != its.received


async def test_a_token_reads_as_often_as_it_likes_and_announces_afterwards(around: Around, web: Krt):
    event, token = await accepted(around, web), around.token()
    for _ in range(35):
        assert (await ask(web.web, get(f"/events/{event}", token))).status == 200
    assert (await web.post(token)).status == 202


async def test_a_call_that_waits_is_answered_when_a_worker_says_something(
    around: Around, web: Krt, client: Client, nursery
):
    event = await accepted(around, web)
    rollouts = ValkeyRollouts(client, Keys("krt"), group=GROUP)
    replies: list[Reply] = []

    async def wait() -> None:
        replies.append(await ask(web.web, get(f"/events/{event}?wait=9", around.token())))

    nursery.start_soon(wait)
    await trio.sleep(0.5)  # for an answer that comes too early
    assert replies == []
    await rollouts.record(event, MATCHED, {WEB: ROLLING}, {WEB: "u1"})
    await until_on_wall_clock(lambda: replies)
    assert json.loads(replies[0].body)["state"] == "rolling"


async def test_above_the_limit_a_call_is_answered_at_once(around: Around, nursery):
    async with running("web", around.of("web") | {"KRT_MAX_WAITING": "1"}) as web:
        await until_on_wall_clock(web.is_ready)
        event = await accepted(around, web)
        nursery.start_soon(ask, web.web, get(f"/events/{event}?wait=3", around.token()))
        await trio.sleep(0.3)  # for the first to wait: nothing shows that it does
        began = trio.current_time()
        assert (await ask(web.web, get(f"/events/{event}?wait=25", around.token()))).status == 200
        assert trio.current_time() - began < 20  # and not 25


async def test_at_sigterm_whoever_waits_is_answered_and_the_process_ends(around: Around, nursery):
    async with krt_process("web", environ=around.of("web")) as process:
        started = await process.wait_said("started")
        await process.wait_said("ready")
        web = Krt.at(started["web_at"][0])
        event = await accepted(around, web)
        replies: list[Reply] = []

        async def wait() -> None:
            replies.append(await ask(web.web, get(f"/events/{event}?wait=25", around.token())))

        nursery.start_soon(wait)
        await trio.sleep(0.5)  # for it to wait: nothing shows that it does
        code, seconds = await process.stopped()
    assert (code, seconds < 20) == (0, True)
    await until_on_wall_clock(lambda: replies)
    assert json.loads(replies[0].body)["state"] == "accepted"
