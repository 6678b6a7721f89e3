"""krt writes Kubernetes Events for restarts, and no restart waits for one."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
import trio.testing

from krt.cluster.workloads.events import MOST_WAITING, EventWriter, event_of
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT
from krt.errors import ClusterDenied, ClusterRefused, ClusterUnavailable, Conflict, KrtError, NotThere, VersionExpired
from tests.fakes.values import a_workload

AT = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC)
CAUSE = "acme/shop refs/heads/main https://github.com/acme/shop/actions/runs/1"


class FakeApi:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.errors: list[KrtError] = []
        self.may_answer = trio.Event()

    async def call(self, method: str, path: str, *, content: bytes, **_: Any) -> None:
        await self.may_answer.wait()
        if self.errors:
            raise self.errors.pop(0)
        event = json.loads(content)
        assert (method, path) == ("POST", f"/apis/events.k8s.io/v1/namespaces/{event['metadata']['namespace']}/events")
        self.events.append(event)


@pytest.fixture
async def api(nursery):
    return FakeApi()


async def test_what_it_says(autojump_clock) -> None:
    event = event_of(a_workload(), CAUSE, AT)
    assert event["note"] == f"restarted for {CAUSE}"
    assert event["eventTime"] == "2026-01-01T12:00:00.000005Z"
    assert event["regarding"]["apiVersion"] == "apps/v1"
    assert (event["type"], event["reason"], event["reportingController"]) == ("Normal", "Restarted", "krt")


async def test_one_about_an_object_without_a_namespace_is_in_the_namespace_default(
    api, nursery, autojump_clock
) -> None:
    """Seen to fail with the object's own namespace, "": the path led to all namespaces, and the server refused."""
    writer = EventWriter(api)
    nursery.start_soon(writer.write)
    api.may_answer.set()
    bundle = replace(a_workload(), key=BUNDLE_DEPLOYMENT.key("", "shop"))
    writer.restarted(bundle, CAUSE)
    await trio.testing.wait_all_tasks_blocked()
    [event] = api.events
    assert event["metadata"]["namespace"] == "default"
    assert event["regarding"]["apiVersion"] == "core.rukpak.io/v1alpha1"
    assert "namespace" not in event["regarding"]


@pytest.mark.parametrize("name", ["a" * 253, "a" * 199 + ".b", "a" * 199 + "-b", "web"])
async def test_every_name_of_a_workload_makes_one_of_an_event(autojump_clock, name: str) -> None:
    stem, _, end = event_of(a_workload(key=f"Deployment shop/{name}"), CAUSE, AT)["metadata"]["name"].rpartition(".")
    assert name.startswith(stem)
    assert stem[-1].isalnum()
    assert len(end) == 16


async def test_a_long_cause_is_cut_between_characters(autojump_clock) -> None:
    note = event_of(a_workload(), "ä" * 1024, AT)["note"]
    assert len(note.encode()) in (1023, 1024)
    assert set(note.removeprefix("restarted for ")) == {"ä"}


async def test_an_api_server_that_does_not_answer_holds_nobody_up(api, nursery, autojump_clock) -> None:
    writer = EventWriter(api)
    nursery.start_soon(writer.write)
    for _ in range(3 * MOST_WAITING):
        writer.restarted(a_workload(), CAUSE)
    await trio.testing.wait_all_tasks_blocked()
    api.may_answer.set()
    await trio.testing.wait_all_tasks_blocked()
    assert len(api.events) == MOST_WAITING
    writer.restarted(a_workload(), "later")
    await trio.testing.wait_all_tasks_blocked()
    assert api.events[-1]["note"] == "restarted for later"


async def test_what_is_refused_is_said_once_and_the_next_is_written(api, nursery, autojump_clock, caplog) -> None:
    writer = EventWriter(api)
    nursery.start_soon(writer.write)
    api.may_answer.set()
    denied = [ClusterDenied("403"), ClusterDenied("403"), ClusterUnavailable("503")]
    api.errors = [*denied, NotThere("404"), Conflict("409"), ClusterRefused("422"), VersionExpired("410")]
    for number in range(8):
        writer.restarted(a_workload(), f"{number}")
    await trio.testing.wait_all_tasks_blocked()
    assert [event["note"] for event in api.events] == ["restarted for 7"]
    assert [record.getMessage() for record in caplog.records].count("kubernetes_event_not_written") == 6
