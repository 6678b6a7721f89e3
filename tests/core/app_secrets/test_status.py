"""The status of an App: what people, commands and the admission policy read there."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from krt.core.app_secrets.app import read_app
from krt.core.app_secrets.decision import LinkState, NoChange
from krt.core.app_secrets.judge import Judgement, Linked, Usability
from krt.core.app_secrets.status import SeenEnvironment, SeenLink, status_of
from tests.core.app_secrets.documents import app, data, deployment, source
from tests.core.app_secrets.world import ENTRIES, World, settled

LATER = datetime(2026, 11, 30, tzinfo=UTC)


def seen(world: World, *more: SeenLink) -> dict[str, Any]:
    """The status with the world's Deployment, and other links."""
    link = SeenLink(world.linked(), world.decide())
    found: dict[str, Any] = status_of(
        read_app(world.app), [SeenEnvironment("staging", world.judgement(), [link, *more])], world.now
    )
    return found


def test_a_delivered_deployment_is_told_with_all_that_the_policy_needs() -> None:
    world = settled(app=app(strategy="volume", mountPath="/secrets"))
    status = seen(world)
    digest = world.judgement().source
    assert digest is not None
    assert (status["observedGeneration"], status["delivered"]) == (2, "1/1")
    assert [(each["type"], each["status"]) for each in status["conditions"]] == [("Delivered", "True")]
    [environment] = status["environments"]
    assert (environment["name"], environment["namespace"], environment["digest"]) == ("staging", "shop", digest.digest)
    assert status["deployments"] == [
        {
            "environment": "staging",
            "namespace": "shop",
            "deployment": "web",
            "attach": True,
            "copy": ENTRIES.copy,
            "volume": ENTRIES.volume,
            "strategy": "volume",
            "mountPath": "/secrets",
            "reload": "auto",
            "digest": digest.digest,
            "stamp": digest.digest,
            "mode": "",
            "state": "Delivered",
            "message": "",
            "deliveredAt": "2026-11-29T20:00:00Z",
        }
    ]


def test_an_unchanged_status_is_the_same_a_day_later() -> None:
    """Or each look would write."""
    world = settled()
    status = seen(world)
    world.app["status"] = status
    world.now = LATER
    assert seen(world) == status


def test_what_is_in_effect_is_told_until_the_next_delivery() -> None:
    """C14."""
    world = settled()
    world.switch(strategy="volume", mountPath="/secrets", reload="manual")
    [found] = seen(world)["deployments"]
    assert (found["strategy"], found["mountPath"], found["reload"]) == ("env", "", "auto")


@pytest.mark.parametrize(("reload", "has_stamp"), [("auto", True), ("manual", False)])
def test_a_deployment_that_is_not_there_yet_can_be_attached_as_it_is_made(reload: str, has_stamp: bool) -> None:
    world = World(deployment=None)
    world.switch(reload=reload)
    [found] = seen(world)["deployments"]
    digest = world.judgement().source
    assert digest is not None
    assert (found["attach"], found["stamp"]) == (True, digest.digest if has_stamp else "")
    assert (found["state"], found["digest"], found["deliveredAt"]) == ("Missing", "", "")


def test_a_detached_deployment_can_be_attached_in_the_write_that_removes_the_mode() -> None:
    """C17."""
    world = settled()
    world.mode("ignore-and-detach")
    world.settle()
    [found] = seen(world)["deployments"]
    assert (found["attach"], found["mode"], found["state"]) == (True, "ignore-and-detach", "Detached")


@pytest.mark.parametrize(
    ("world", "attach"),
    [(World(sources=[]), False), (settled(), True), (World(sources=[source(), source("b")]), False)],
)
def test_nothing_is_attached_that_has_no_copy_and_no_source(world: World, attach: bool) -> None:
    assert [each["attach"] for each in seen(world)["deployments"]] == [attach]


def test_a_copy_stays_attached_when_its_source_is_gone() -> None:
    world = settled()
    world.sources = []
    status = seen(world)
    [found], [environment] = status["deployments"], status["environments"]
    assert (found["attach"], found["state"], environment["digest"]) == (True, "Delivered", "")
    assert [(each["status"], each["reason"]) for each in environment["conditions"]] == [("False", "NoSource")]


def test_an_environment_without_a_namespace_lists_its_deployments() -> None:
    judgement = Judgement("", Usability.AMBIGUOUS, "2 Namespaces have the label")
    links = [SeenLink(Linked("web")), SeenLink(Linked("worker"))]
    status: Any = status_of(read_app(app()), [SeenEnvironment("staging", judgement, links)], LATER)
    assert status["delivered"] == "0/2"
    assert [(each["namespace"], each["state"], each["attach"]) for each in status["deployments"]] == [
        ("", "Waiting", False),
        ("", "Waiting", False),
    ]
    [condition] = status["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Incomplete")
    assert condition["message"] == "staging: 2 Namespaces have the label"


@pytest.mark.parametrize(
    ("link", "reason", "said"),
    [
        (SeenLink(Linked("worker")), "Delivering", "worker: is being delivered"),
        (
            SeenLink(Linked("worker"), NoChange(LinkState.MISSING, "there is none")),
            "Incomplete",
            "worker: there is none",
        ),
        (
            SeenLink(Linked("worker"), NoChange(LinkState.IGNORED, "unknown value")),
            "Incomplete",
            "worker: unknown value",
        ),
        (SeenLink(Linked("worker"), problem="denied"), "Incomplete", "worker: denied"),
    ],
)
def test_what_is_not_delivered_is_named(link: SeenLink, reason: str, said: str) -> None:
    """C19: an unknown mutation mode, too."""
    [condition] = seen(settled(), link)["environments"][0]["conditions"]
    assert (condition["status"], condition["reason"], condition["message"]) == ("False", reason, said)


def test_ignored_and_detached_deployments_leave_the_environment_delivered() -> None:
    links = [SeenLink(Linked("a"), NoChange(LinkState.IGNORED)), SeenLink(Linked("b"), NoChange(LinkState.DETACHED))]
    status = seen(settled(), *links)
    assert (status["delivered"], status["conditions"][0]["status"]) == ("1/3", "True")


def test_a_long_list_of_names_is_cut() -> None:
    links = [SeenLink(Linked(f"d{number}")) for number in range(500)]
    [condition] = seen(settled(), *links)["environments"][0]["conditions"]
    assert condition["message"].endswith("d4: is being delivered; and 495 more")


def test_keys_that_no_shell_can_name_are_told_and_delivered() -> None:
    """With the strategy env only: a file may have any name."""
    world = World()
    world.sources[0]["data"] = {**data(GOOD="x"), "tls.crt": "eA==", "1st": "eA=="}
    world.settle()
    [condition] = seen(world)["environments"][0]["conditions"]
    assert (condition["status"], condition["message"]) == ("True", "no shell can name these variables: 1st, tls.crt")
    world.switch(strategy="volume", mountPath="/secrets")
    assert seen(world)["environments"][0]["conditions"][0]["message"] == ""


def test_a_status_names_no_value() -> None:
    world = World(sources=[source(data=data(PASSWORD="canary-7f3a"))])
    world.settle()
    said = repr((seen(world), world.linked(), world.judgement(), replace(world, sources=[], copy=None), deployment()))
    assert "canary-7f3a" not in said
    assert data(x="canary-7f3a")["x"] not in said
