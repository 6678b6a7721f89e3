"""A bug behind the public listener: one empty 500, its place in the log, and nothing of the request."""

import logging
from collections.abc import Iterable

import pytest
import trio

from krt.core.envelope import Envelope
from krt.core.identity import Identity
from krt.core.ports import Accepted
from krt.core.use import Use
from krt.metrics import Metrics
from krt.serving.denial import Denial
from krt.web.app import build_app
from krt.web.call import Door
from krt.web.denials import DenialLog
from krt.web.drift import Drift
from krt.web.limit import RateLimit
from krt.web.requests import RequestLog
from krt.web.watch import ReportWatch
from tests.serving.raw import running


@pytest.mark.parametrize("line", ["POST /event", "GET /events/1-1"], ids=["before Quart", "within Quart"])
async def test_a_crash_is_answered_and_recorded_without_what_it_holds(
    line: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    metrics = Metrics()
    async with running(build_app(a_door(metrics), RequestLog(metrics.web, DenialLog()))) as server:
        reply = await server.send(
            line.encode() + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\nContent-Length: 0\r\n\r\n"
        )
        assert (reply.status, reply.body) == (500, b"")
        assert server.denials == [Denial.CRASHED]
        assert (await server.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200
    said = {record.getMessage(): record.__dict__["fields"] for record in caplog.records if record.name != "root"}
    assert (said["request_ended"]["status"], said["request_ended"]["reason"]) == (200, "ok")
    [ended] = [r.__dict__["fields"] for r in caplog.records if r.__dict__.get("fields", {}).get("status") == 500]
    assert ended["reason"] == "crashed"
    assert said["connection_failed"]["fault"].startswith("RuntimeError at test_crash.py:")
    assert "s3cret" not in str([vars(record) for record in caplog.records])
    assert b'reason="crashed",status="500"} 1.0' in metrics.exposition()


def a_door(metrics: Metrics) -> Door:
    async def accept(_envelope: Envelope, _use: Use) -> Accepted:
        raise AssertionError("nobody is known")

    async def read_report(_event: object) -> None:
        raise AssertionError("nobody is known")

    return Door(
        identify=crash,
        rules=(),
        limit=RateLimit(),
        accept=accept,
        read_report=read_report,
        watch=ReportWatch(10, trio.Event()),
        drift=Drift(),
        metrics=metrics.web,
    )


def crash(headers: Iterable[tuple[bytes, bytes]]) -> Identity:
    raise RuntimeError(dict(headers))
