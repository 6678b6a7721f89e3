"""A bug behind the public listener: one empty 500, its place in the log, and nothing of the request."""

import logging
from typing import NoReturn

import pytest
import trio

from krt.core.caller.identity import Identity
from krt.core.caller.patterns import ImagePattern
from krt.core.caller.policy import Rule
from krt.core.caller.who import Who
from krt.metrics import Metrics
from krt.serving.denial import Denial
from krt.web.app import build_app
from krt.web.call import Intake
from krt.web.denials import DenialLog
from krt.web.drift import Drift
from krt.web.gate import gate_of
from krt.web.limit import RateLimit
from krt.web.requests import RequestLog
from krt.web.status import ReportDesk
from krt.web.watch import ReportWatch
from tests.fakes.around import get, post
from tests.fakes.values import an_identity
from tests.serving.raw import running

RULES = (Rule(Who("acme", "65"), (ImagePattern(("ghcr.io", "acme", "**")),)),)
CRASHING = {
    "an event": post("s3cret"),
    "a dry run": post("s3cret", path="/event/dry-run"),
    "a report": get("/events/1-1", "s3cret"),
    "a report that is waited for": get("/events/1-1?wait=9", "s3cret"),
    "the head of a report": get("/events/1-1", "s3cret").replace(b"GET", b"HEAD", 1),
}


@pytest.mark.parametrize("request_bytes", CRASHING.values(), ids=CRASHING)
async def test_a_crash_is_answered_and_recorded_without_what_it_holds(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    metrics = Metrics()
    requests = RequestLog(metrics.web, DenialLog())
    intake = Intake(RateLimit(), crash, Drift(), metrics.web)
    app = build_app(intake, ReportDesk(crash, ReportWatch(10, trio.Event())), requests)
    async with running(app, gate=gate_of(known, RULES, requests)) as server:
        reply = await server.send(request_bytes)
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


def known(_headers: object) -> Identity:
    return an_identity()


async def crash(*asked: object) -> NoReturn:
    raise RuntimeError(asked, "s3cret")
