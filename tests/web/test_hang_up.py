"""Who hangs up is no fault of krt's."""

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.fakes.around import Around, Krt, post
from tests.fakes.polling import until_on_wall_clock


async def test_who_hangs_up_while_krt_accepts_is_no_error(around: Around, web: Krt, caplog: pytest.LogCaptureFixture):
    """Seen to fail: a bug of the connection, and a request that crashed with 500, for each job that lost patience."""
    caplog.set_level("INFO")
    async with around.call_in_hand(web):
        pass
    await wait_all_tasks_blocked(0.05)
    around.valkey.resume()
    await until_on_wall_clock(lambda: [record for record in caplog.records if record.message == "request_ended"])
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    (ended,) = [record.__dict__["fields"] for record in caplog.records if record.message == "request_ended"]
    assert (ended["status"], ended["reason"]) == (202, "accepted")


async def test_who_hangs_up_in_the_middle_of_a_body_is_no_error(
    around: Around, web: Krt, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    async with await trio.open_tcp_stream(web.web.host, web.web.port) as stream:
        await stream.send_all(post(around.token())[:-5])
        await wait_all_tasks_blocked(0.05)
    await until_on_wall_clock(lambda: [record for record in caplog.records if record.message == "request_ended"])
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    assert await around.journaled() == []
