"""Pages that follow what happens: through sockets, and where time matters in memory."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import pairwise

import httpx
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from krt.admin.board import LOOK_SECONDS
from krt.admin.live import MOST_STREAMS, Streams
from krt.admin.views import Fragments
from tests.admin.admins import a_report, an_id, browsing, ended
from tests.fakes import live
from tests.fakes.live import Follower
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_wall_clock


@asynccontextmanager
async def following(admin: httpx.AsyncClient, query: str = "") -> AsyncIterator[Follower]:
    async with live.following(str(admin.base_url), query) as page:
        assert page.status == 200
        yield page


async def test_first_it_says_everything_and_then_what_has_changed(admin, around):
    around.reports.newest = [a_report(0)]
    async with following(admin) as page:
        update = await page.update()
        assert update["order"] == [f"event-{an_id(0)}"]
        assert set(update["html"]) == {
            f"event-{an_id(0)}",
            "notice",
            "overview",
            "count",
            "parts",
            "refusals",
            "deliveries",
        }
        around.reports.newest = [a_report(1, image="ghcr.io/acme/blog"), ended(a_report(0))]
        update = await page.update()
        assert update["order"] == [f"event-{an_id(1)}", f"event-{an_id(0)}"]
        assert set(update["html"]) == {f"event-{an_id(0)}", f"event-{an_id(1)}", "overview", "count"}
        assert "is-ready" in update["html"][f"event-{an_id(0)}"]


async def test_a_burst_keeps_its_card_while_events_join_it_and_is_sent_only_when_it_changes(admin, around):
    around.reports.newest = [a_report(number) for number in (2, 1, 0)]
    card = f"burst-{an_id(0)}"
    async with following(admin) as page:
        assert (await page.update())["order"] == [card]
        around.reports.newest = [ended(a_report(number)) for number in (3, 2, 1, 0)]
        update = await page.update()
        assert update["order"] == [card]
        assert set(update["html"]) == {card, "overview", "count"}
        assert f'id="event-{an_id(3)}"' in update["html"][card]
        around.metrics.web.denied("head-too-slow")
        assert set((await page.update())["html"]) == {"refusals"}


async def test_what_it_sends_is_what_the_page_shows(admin, around):
    around.reports.newest = [a_report(0), ended(a_report(1))]
    page = (await admin.get("/")).text
    async with following(admin) as stream:
        update = await stream.update()
    assert [html for html in update["html"].values() if html not in page] == []


async def test_a_filtered_page_stays_filtered(admin, around):
    around.reports.newest = [a_report(0), ended(a_report(1))]
    async with following(admin, "?state=rolling") as page:
        assert (await page.update())["order"] == [f"event-{an_id(0)}"]
        around.reports.newest = [ended(a_report(0)), ended(a_report(1))]
        update = await page.update()
        assert update["order"] == []
        assert set(update["html"]) == {"overview", "count"}


async def test_the_page_of_one_event_follows_it_even_where_it_is_not_new(admin, around):
    around.reports.newest, around.reports.older = [a_report(1)], [a_report(0)]
    async with following(admin, f"?event={an_id(0)}") as page:
        assert (await page.update())["order"] == [f"event-{an_id(0)}"]
        around.reports.older = [ended(a_report(0))]
        assert list((await page.update())["html"]) == [f"event-{an_id(0)}"]


async def test_the_page_of_an_event_that_is_gone_says_so(admin, around):
    around.reports.newest = [a_report(0)]
    async with following(admin, f"?event={an_id(0)}") as page:
        await page.update()
        around.reports.newest = []
        update = await page.update()
        assert update["order"] == ["missing"]
        assert "There is no such event" in update["html"]["missing"]


async def test_refusals_and_what_is_missing_appear_by_themselves(admin, around):
    around.health.add("keys", lambda: "keys: away" if around.reports.reads > 1 else None)
    async with following(admin) as page:
        await page.update()
        around.metrics.web.denied("head-too-slow")
        around.reports.problem = "Valkey is away"
        update = await page.update()
        assert set(update["html"]) == {"notice", "count", "parts", "refusals"}
        assert "Valkey is away" in update["html"]["notice"]
        assert "head-too-slow" in update["html"]["refusals"]
        assert "away" in update["html"]["parts"]


async def test_the_33rd_page_is_turned_away_until_another_one_closes(around):
    async with browsing(around) as admin, AsyncExitStack() as stack:
        for _ in range(MOST_STREAMS - 1):
            await stack.enter_async_context(following(admin))
        async with following(admin) as page:
            await page.update()
            assert (await admin.get("/live")).status_code == 503
        assert (await admin.get("/")).status_code == 200

        async def is_free() -> bool:
            async with live.following(str(admin.base_url)) as page:
                return page.status == 200

        await until_on_wall_clock(is_free)


async def test_all_pages_together_look_once_in_a_second(around):
    async with browsing(around) as admin, AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(following(admin)) for _ in range(10)]
        for page in pages:
            await page.update()
        began, before = trio.current_time(), around.reports.reads
        await until_on_wall_clock(lambda: around.reports.reads >= before + 3)
        assert trio.current_time() - began > 1.5


async def test_nobody_looks_where_no_page_is_open(around, clock: MockClock):
    """Seen to fail with a stream that goes on without its page."""
    async with browsing(around) as admin:
        async with following(admin) as page:
            await page.update()
        await wait_all_tasks_blocked(0.05)
        before = around.reports.reads
        for _ in range(3):
            clock.jump(LOOK_SECONDS)
            await wait_all_tasks_blocked(0.05)
        assert around.reports.reads == before


async def test_when_the_process_stops_every_page_ends_at_once(around):
    async with browsing(around) as admin, AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(following(admin)) for _ in range(5)]
        for page in pages:
            await page.update()
        around.stopping.set()
        began = trio.current_time()
        assert [await page.ended() for page in pages] == [True] * 5
        assert trio.current_time() - began < slack(1)
        assert (await admin.get("/live")).status_code == 503


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_site_s_page_takes_no_stream_from_anybody(admin, around, site):
    answer = await admin.get("/live", headers={"Sec-Fetch-Site": site})
    assert (answer.status_code, around.reports.reads) == (403, 0)


class Still:
    """A view of what never changes."""

    async def see(self) -> Fragments:
        await trio.lowlevel.checkpoint()
        return Fragments({"a": "<p id=a>"}, ())


async def never() -> dict:
    await trio.sleep_forever()
    raise AssertionError


async def test_a_quiet_stream_says_that_it_is_there(nursery, autojump_clock):
    """A page that has gone without a word is noticed when something is sent to it."""
    sent: list[tuple[float, bytes]] = []

    async def send(event) -> None:
        sent.append((trio.current_time(), event.get("body", b"")))

    began, stopping = trio.current_time(), trio.Event()
    nursery.start_soon(partial(Streams(stopping).answer, Still(), never, send, headers=[]))
    await trio.sleep(60)
    stopping.set()
    spoken = [(round(at - began), body) for at, body in sent if body]
    assert [body for _, body in spoken[:2]] == [
        b"retry: 2000\n\n",
        b'data: {"order": [], "html": {"a": "<p id=a>"}}\n\n',
    ]
    assert [body for _, body in spoken[2:]] == [b":\n\n"] * 3
    assert all(at - before <= 17 for (before, _), (at, _) in pairwise(spoken))


async def test_a_stream_whose_page_has_gone_makes_room(nursery, autojump_clock):
    async def gone() -> dict:
        await trio.sleep(5)
        return {"type": "http.disconnect"}

    async def send(_) -> None:
        await trio.lowlevel.checkpoint()

    streams = Streams(trio.Event())
    await streams.answer(Still(), gone, send, headers=[])
    assert trio.current_time() < 100
    assert streams.count == 0
