"""What probes are told, through a socket."""

import json

import pytest

from krt.admin.health import Health
from tests.admin.admins import Surroundings


@pytest.fixture
def health(around: Surroundings) -> Health:
    return around.health


async def test_a_process_that_answers_is_alive_whatever_it_lacks(health, admin):
    health.add("part", lambda: "Valkey: away")
    answer = await admin.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


async def test_with_nothing_to_wait_for_it_is_ready(health, admin):
    health.add("part", lambda: None)
    answer = await admin.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "problems": []})
    assert answer.headers["content-type"] == "application/json"


async def test_everything_that_is_missing_is_named_in_the_order_in_which_it_was_added(health, admin):
    for problem in ("keys: not fetched yet", None, 'Valkey: "away"', "channel: …"):
        health.add("part", lambda problem=problem: problem)
    answer = await admin.get("/readyz")
    told = json.loads(answer.content)
    assert (answer.status_code, told["ready"]) == (503, False)
    assert told["problems"] == ["keys: not fetched yet", 'Valkey: "away"', "channel: …"]


async def test_readiness_is_of_the_moment(health, admin):
    problems = ["first"]
    health.add("part", lambda: problems[0] if problems else None)
    assert (await admin.get("/readyz")).status_code == 503
    problems.clear()
    assert (await admin.get("/readyz")).status_code == 200
    problems.append("again")
    assert (await admin.get("/readyz")).json()["problems"] == ["again"]


NOWHERE = [("GET", "/nowhere"), ("GET", "/readyz/"), ("POST", "/readyz"), ("GET", "/static/x"), ("POST", "/event")]


@pytest.mark.parametrize(("method", "path"), NOWHERE)
async def test_what_is_not_there_is_refused_without_a_word(admin, method, path):
    answer = await admin.request(method, path)
    assert answer.status_code in {404, 405}
    assert answer.content == b""


async def test_metrics_are_prometheuses(admin):
    answer = await admin.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert b"# HELP " in answer.content
