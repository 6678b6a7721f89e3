"""A fault of one connection is logged once, with its place and nothing of the request."""

import pytest
import trio
import trio.testing

from krt.serving.denial import Denial
from krt.serving.failures import FailureLog
from krt.serving.head import HeadReader
from tests.serving.raw import GOOD, read_to_end, running

CRASH = GOOD.replace(b"/ok", b"/crash").replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer s3cret\r\n\r\n")


async def test_a_crash_of_the_app_is_answered_500_and_logged_without_the_request(patient_clock, caplog):
    async with running() as server:
        reply = await server.send(CRASH)
        assert (reply.status, reply.body) == (500, b"")
        await server.assert_alive()
    assert server.denials == [Denial.CRASHED]
    [record] = caplog.records
    assert record.message == "connection_failed"
    assert record.fields["request_id"] == reply.headers["x-request-id"]
    assert record.fields["fault"].startswith("ValueError at raw.py:")
    assert record.exc_info is None
    assert "s3cret" not in str(vars(record))


async def test_a_fault_of_krt_or_a_library_in_one_connection_ends_it_alone(patient_clock, caplog, monkeypatch):
    def fail(_self, data: bytes) -> bytes:
        raise LookupError(data)

    async with running() as server:
        other = await server.connect()
        await other.send_all(GOOD[:10])
        await trio.testing.wait_all_tasks_blocked(0.01)
        with monkeypatch.context() as patched:
            patched.setattr(HeadReader, "feed", fail)
            assert (await server.send(CRASH)).received == b""
        await other.send_all(GOOD[10:])
        assert (await read_to_end(other)).body == b"ok"
        await server.assert_alive()
    assert server.denials == [Denial.CRASHED]
    [record] = caplog.records
    assert record.fields["fault"].startswith("LookupError at test_failures.py:")
    assert "s3cret" not in str(vars(record))


async def test_a_fault_at_one_place_is_logged_once_a_minute(patient_clock, caplog):
    async with running() as server:
        for _ in range(5):
            await server.send(CRASH)
        assert len(caplog.records) == 1
        await trio.sleep(61)
        await server.send(CRASH)
        assert len(caplog.records) == 2


async def test_an_app_that_answers_wrongly_ends_its_own_connection_only(patient_clock, caplog):
    async def app(scope, _receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            await send({"type": "http.response.body", "body": b"too long"})

    async with running(app) as server:
        reply = await server.send(GOOD)
        assert reply.body == b""
        assert (await server.send(GOOD)).status == 200
    assert set(server.denials) == {Denial.CRASHED}
    assert "LocalProtocolError" in caplog.records[0].fields["fault"]


async def test_an_app_that_says_nothing_is_answered_for(patient_clock):
    async def app(_scope, _receive, _send):
        pass

    async with running(app) as server:
        assert (await server.send(GOOD)).status == 500


async def test_each_of_several_faults_is_logged(caplog):
    failures = FailureLog()
    failures.report(ExceptionGroup("s3cret", [ValueError("a"), ExceptionGroup("", [KeyError("b")])]), request_id="1")
    assert [record.fields["fault"] for record in caplog.records] == ["ValueError at ", "KeyError at "]


@pytest.mark.parametrize("path", [b"/stream", b"/huge"])
async def test_a_body_that_breaks_while_it_is_answered_is_no_fault(path, patient_clock, caplog):
    head = b"POST %b HTTP/1.1\r\nHost: krt.example\r\nTransfer-Encoding: chunked\r\n\r\n" % path
    async with running() as server:
        stream = await server.connect()
        await stream.send_all(head)
        await trio.sleep(3)
        await stream.send_all(b"no chunk\r\n")
        await trio.sleep(3)
        await server.assert_alive()
        assert Denial.CRASHED not in server.denials
    assert not caplog.records
