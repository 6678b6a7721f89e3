"""Where krt web lacks something, it says "come again" and does nothing by halves."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from krt.dev.issuer import KeysFault
from tests.fakes.around import Around, Krt, ask, get, post, running
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_wall_clock
from tests.serving.raw import Reply


def is_come_again(reply: Reply) -> bool:
    return (reply.status, reply.body, reply.headers.get("retry-after")) == (503, b"", "5")


async def test_before_the_keys_are_there_nobody_with_a_token_is_judged(around: Around):
    around.issuer.keys_fault = KeysFault.ERROR
    async with running("web", around.environ) as krt:
        await until_on_wall_clock(lambda: around.issuer.keys_fetches)
        assert is_come_again(await krt.post(around.token()))
        assert is_come_again(await krt.post(around.token(audience="https://other.example.com")))
        assert is_come_again(await ask(krt.web, get("/events/1-0", around.token())))
        assert (await krt.post(None)).status == 401
        assert await krt.is_alive()
        assert [problem for problem in await krt.problems() if problem.startswith("keys: ")]
        around.issuer.keys_fault = KeysFault.NONE
        await until_on_wall_clock(krt.is_ready)
        assert (await krt.post(around.token())).status == 202


async def test_while_valkey_is_away_nothing_is_accepted(around: Around, web: Krt):
    await around.valkey.stop()
    token = around.token()
    assert is_come_again(await web.post(token))
    assert is_come_again(await ask(web.web, get("/events/1-0", around.token())))
    assert (await web.post("garbage")).status == 401
    assert (await web.post(around.token(), b"{}")).status == 400
    await around.valkey.start()
    assert (await web.post(token)).status == 202


async def test_a_valkey_that_is_away_at_the_start_is_waited_for(around: Around):
    await around.valkey.stop()
    async with running("web", around.environ) as krt:
        await until_on_wall_clock(lambda: around.issuer.keys_fetches)
        assert is_come_again(await krt.post(around.token()))
        await around.valkey.start()
        assert (await krt.post(around.token())).status == 202


async def test_a_valkey_that_does_not_answer_is_given_up_in_time(around: Around, web: Krt):
    around.valkey.pause()
    began = trio.current_time()
    assert is_come_again(await web.post(around.token()))
    assert trio.current_time() - began < slack(5)
    around.valkey.resume()
    assert (await web.post(around.token())).status == 202


async def test_a_full_journal_takes_no_more_and_knows_what_it_took(around: Around):
    await around.fill_journal(99)
    async with running("web", {**around.environ, "KRT_MAX_JOURNAL": "100"}) as krt:
        await until_on_wall_clock(krt.is_ready)
        first = around.token()
        assert (await krt.post(first)).status == 202
        assert is_come_again(await krt.post(around.token()))
        assert (await krt.post(first)).status == 202
    assert len(await around.journaled()) == 100


@pytest.mark.parametrize("gone", ["closed", "reset"])
async def test_who_hangs_up_while_krt_accepts_has_announced_all_the_same(around: Around, web: Krt, gone: str):
    assert (await web.post(around.token())).status == 202
    around.valkey.pause()
    stream = await trio.open_tcp_stream(web.web.host, web.web.port)
    await stream.send_all(post(around.token()))
    await wait_all_tasks_blocked(0.05)
    if gone == "reset":
        stream.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # SO_LINGER for no time at all
    await stream.aclose()
    await wait_all_tasks_blocked(0.05)
    around.valkey.resume()

    async def both_are_journaled() -> bool:
        return len(await around.journaled()) == 2

    await until_on_wall_clock(both_are_journaled)


async def test_an_answer_is_never_given_before_the_event_is_journaled(around: Around, web: Krt):
    async with around.overhearing() as ear:
        ids = [(await web.post(around.token())).headers["location"] for _ in range(10)]
        assert [f"/events/{event}" for event, _ in await around.journaled()] == ids
        assert len(await ear.heard()) == 10
