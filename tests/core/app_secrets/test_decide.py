"""What is delivered when, and what never is: the rules of delivery.md, without an API server."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.app_secrets.app import read_app
from krt.core.app_secrets.decide import decide, decide_detached
from krt.core.app_secrets.decision import Deliver, DeliveryCause, Detach, LinkState, NoChange
from krt.core.app_secrets.deployment import read_deployment
from krt.core.app_secrets.judge import Linked, SeenNamespace, Usability, denied, judge
from tests.core.app_secrets.documents import app, copy, data, deployment, source
from tests.core.app_secrets.world import ENTRIES, World, settled

VOLUME = {"strategy": "volume", "mountPath": "/secrets"}


@pytest.mark.parametrize("reload", ["auto", "manual"])
@pytest.mark.parametrize("spec", [{"strategy": "env"}, VOLUME])
def test_the_first_delivery_attaches_with_one_rollout(spec: dict[str, str], reload: str) -> None:
    """C2, C7, C8, C20."""
    world = World()
    world.switch(**spec, reload=reload)
    assert world.settle() == 1
    assert world.copy is not None
    assert world.copy["data"] == world.sources[0]["data"]
    assert world.copy["metadata"]["labels"] == {"krt/copy-of": "checkout"}
    assert world.copy["metadata"]["ownerReferences"][0]["uid"] == "u-web"
    assert (ENTRIES.stamp in world.template["metadata"].get("annotations", {})) is (reload == "auto")
    assert (world.state, world.effect) == (LinkState.DELIVERED, (spec["strategy"], reload))


@pytest.mark.parametrize(("reload", "rollouts"), [("auto", 1), ("manual", 0)])
@pytest.mark.parametrize("spec", [{"strategy": "env"}, VOLUME])
def test_a_changed_value_is_one_rollout_under_auto_and_none_under_manual(
    spec: dict[str, str], reload: str, rollouts: int
) -> None:
    """C10, C12, C21, C23: a new key, too."""
    app_body = app()
    world = World(app=app_body)
    world.switch(**spec, reload=reload)
    world.settle()
    world.values(PASSWORD="second", NEW="key")
    assert world.settle() == rollouts
    assert world.copy is not None
    assert world.copy["data"] == data(PASSWORD="second", NEW="key")


def test_unchanged_values_are_never_written() -> None:
    """C13: also in a Secret that was made anew."""
    world = settled()
    world.sources = [source("other-name", metadata={"uid": "u-9", "resourceVersion": "99"})]
    for _ in range(3):
        assert isinstance(world.step(), NoChange)
        world.now += timedelta(days=1)
    assert world.writes == 0


def test_another_key_of_the_digest_writes_nothing() -> None:
    """The controller's key may be lost: the annotated digests are those of the lost one.

    Seen to fail with the annotated digest compared.
    """
    world = settled()
    world.key = b"another key"
    assert (world.settle(), world.writes) == (0, 0)
    world.values(PASSWORD="second")
    assert world.settle() == 1


@pytest.mark.parametrize(
    ("switch", "effect", "rollouts"),
    [
        (VOLUME, ("volume", "auto"), 1),
        ({"reload": "manual"}, ("env", "manual"), 0),
        (VOLUME | {"reload": "manual"}, ("volume", "manual"), 1),
    ],
)
def test_a_switch_waits_for_the_next_delivery(switch: dict[str, str], effect: tuple[str, str], rollouts: int) -> None:
    """C14: a redelivery makes it effective though no value has changed."""
    world = settled()
    world.switch(**switch)
    assert world.settle() == 0
    assert (world.writes, world.effect) == (0, ("env", "auto"))
    world.annotate(redeliver="t-1")
    assert world.settle() == rollouts
    assert world.effect == effect
    assert world.settle() == 0


def test_a_redelivery_is_answered_once_and_restarts_nothing_by_itself() -> None:
    """C13, C14: an operator that drops the annotation later asks for nothing.

    Seen to fail with the answered word forgotten by the next delivery.
    """
    world = settled()
    world.annotate(redeliver="t-1")
    decision = world.step()
    assert isinstance(decision, Deliver)
    assert (decision.cause, world.settle(), world.writes) == (DeliveryCause.REDELIVERED, 0, 1)
    world.sources[0]["metadata"]["annotations"] = {}
    world.values(PASSWORD="second")
    world.settle()
    before = world.writes
    world.annotate(redeliver="t-1")
    world.settle()
    assert world.writes == before


def test_manual_to_auto_is_one_rollout_at_the_next_delivery() -> None:
    world = World()
    world.switch(reload="manual")
    world.settle()
    world.switch(reload="auto")
    assert world.settle() == 0
    world.values(PASSWORD="second")
    assert (world.settle(), world.effect) == (1, ("env", "auto"))


@pytest.mark.parametrize("mode", ["ignore", "Ignore", "", "ignore-and-detach "])
def test_an_ignored_deployment_keeps_what_it_has(mode: str) -> None:
    """C15, C19: an unknown text, too. Seen to fail with unknown texts passed over."""
    world = settled()
    world.mode(mode)
    before = deepcopy((world.copy, world.template))
    for value in range(10):
        world.values(PASSWORD=str(value))
        world.annotate(redeliver=str(value))
        assert world.settle() == 0
    assert (world.copy, world.template) == before
    assert world.state is LinkState.IGNORED
    decision = world.decide()
    assert isinstance(decision, NoChange)
    assert ("unknown value" in decision.message) is (mode != "ignore")


def test_an_ignored_deployment_without_a_copy_gets_none() -> None:
    world = World()
    world.mode("ignore")
    assert (world.settle(), world.copy, world.state) == (0, None, LinkState.IGNORED)


def test_a_detached_deployment_has_nothing_left_and_comes_back() -> None:
    """C16, C17, C22."""
    world = World()
    original = deepcopy(world.template)
    world.settle()
    attached = deepcopy(world.template)
    world.mode("ignore-and-detach")
    assert world.settle() == 1
    assert (world.template, world.copy, world.state) == (original, None, LinkState.DETACHED)
    world.values(PASSWORD="second")
    assert world.settle() == 0
    assert world.copy is None
    world.mode(None)
    world.values(PASSWORD="first")
    assert world.settle() == 1
    assert world.template == attached


def test_removing_ignore_delivers_what_was_missed() -> None:
    """C17."""
    world = settled()
    world.mode("ignore")
    world.values(PASSWORD="second")
    world.settle()
    world.mode(None)
    assert world.settle() == 1
    assert world.copy is not None
    assert world.copy["data"] == data(PASSWORD="second")


@pytest.mark.parametrize("writes", [0, 1])
def test_a_stop_between_two_writes_is_healed(writes: int) -> None:
    """A delivery, a switch and a detachment, each stopped after its first write, or before it."""
    world = World()
    world.step(writes)
    assert world.settle() == 1
    world.switch(**VOLUME)
    world.values(PASSWORD="second")
    world.step(writes)
    assert (world.settle(), world.effect) == (1, ("volume", "auto"))
    world.mode("ignore-and-detach")
    world.step(writes)
    world.settle()
    assert (world.copy, world.state, world.rollouts) == (None, LinkState.DETACHED, 3)


def test_an_attachment_that_is_taken_back_again_and_again_is_left_after_three() -> None:
    """Seen to fail without the limit, and with the stamps of the last delivery counted for the next one."""
    world = World()
    original = deepcopy(world.template)
    for _ in range(5):
        world.settle()
        assert world.deployment is not None
        world.deployment["spec"]["template"] = deepcopy(original)
        world.now += timedelta(minutes=1)
    assert (world.rollouts, world.state) == (3, LinkState.FIGHTING)
    world.values(PASSWORD="second")
    assert world.settle() == 1
    world.deployment = deployment(metadata={"managedFields": [{"manager": "argo", "time": "2026-11-29T21:00:00Z"}]})
    for _ in range(2):
        world.settle()
        world.deployment["spec"]["template"] = deepcopy(original)
    decision = world.decide()
    assert isinstance(decision, NoChange)
    assert decision.message.startswith("argo has removed krt's entries from the pod template 3 times")


@pytest.mark.parametrize("is_release", [True, False])
def test_releases_that_drop_the_attachment_get_it_back_however_many(is_release: bool) -> None:
    """`kubectl replace` from a pipeline: another image each time, or the same one some hours later.

    Seen to fail with the template not compared, and with the hour left out.
    """
    world = settled()
    for number in range(8):
        assert world.deployment is not None
        image = f"ghcr.io/acme/web:{number if is_release else 0}"
        world.deployment["spec"]["template"] = deployment(spec={"containers": [{"name": "main", "image": image}]})[
            "spec"
        ]["template"]
        world.now += timedelta(minutes=1) if is_release else timedelta(hours=2)
        assert world.settle() == 1


def test_an_edited_copy_gets_the_values_back_and_nothing_restarts() -> None:
    """It is no delivery: a switch still waits. Seen to fail with the repair made a delivery."""
    world = settled()
    world.switch(**VOLUME)
    assert world.copy is not None
    world.copy["data"] = data(PASSWORD="edited", FOREIGN="x")
    assert isinstance(world.decide(), Deliver)
    assert world.settle() == 0
    assert world.copy["data"] == data(PASSWORD="first")
    assert world.effect == ("env", "auto")


def test_a_copy_without_its_annotations_is_delivered_anew() -> None:
    world = settled()
    assert world.copy is not None
    world.copy["metadata"]["annotations"] = {}
    assert (world.settle(), world.effect) == (0, ("env", "auto"))


def test_a_deployment_that_was_made_anew_takes_the_copy_over() -> None:
    """The garbage collector deletes a copy whose owner is gone: the new owner must stand in it.

    Seen to fail with the owner's uid not compared.
    """
    world = settled()
    world.switch(**VOLUME)
    world.deployment = deployment(metadata={"uid": "u-new"})
    assert world.settle() == 1
    assert world.copy is not None
    assert world.copy["metadata"]["ownerReferences"][0]["uid"] == "u-new"
    assert world.effect == ("volume", "auto")


@pytest.mark.parametrize(
    ("sources", "reason", "said"),
    [
        ([], Usability.NO_SOURCE, "no Secret in the Namespace shop has the label krt/app=checkout"),
        (
            [source("a"), source("b")],
            Usability.SEVERAL_SOURCES,
            "2 Secrets have the label krt/app=checkout (a, b)",
        ),
        ([source("a", data={})], Usability.EMPTY_SOURCE, "the Secret a has no keys"),
        (
            [source("a", metadata={"deletionTimestamp": "2026-11-29T20:00:00Z"})],
            Usability.NO_SOURCE,
            "no Secret",
        ),
    ],
)
def test_without_a_usable_source_everything_stays(sources: list[dict[str, Any]], reason: Usability, said: str) -> None:
    """And what somebody removes meanwhile comes back."""
    world = settled(sources=[source()])
    before = deepcopy((world.copy, world.template))
    world.sources = sources
    judgement = world.judgement()
    assert (judgement.reason, judgement.source) == (reason, None)
    assert said in judgement.message
    assert (world.settle(), world.writes, (world.copy, world.template)) == (0, 0, before)
    world.deployment = deployment()
    assert world.settle() == 1
    assert world.template == before[1]
    assert World(sources=sources).state is LinkState.WAITING


def test_a_source_is_emptied_by_an_explicit_word_only() -> None:
    world = settled()
    world.values()
    world.annotate(**{"allow-empty": "true"})
    assert world.settle() == 1
    assert world.copy is not None
    assert world.copy["data"] == {}


def test_the_copies_of_another_environment_stay_until_they_may_move() -> None:
    """The Namespace gets the label production. A word that was answered before allows nothing.

    Seen to fail without the comparison of the words.
    """
    world = settled()
    world.annotate(redeliver="t-0", move="production")
    world.settle()
    world.environment = "production"
    world.values(PASSWORD="of production")
    before = deepcopy(world.copy)
    assert world.judgement().reason is Usability.OTHER_ENVIRONMENT
    assert "krt secrets redeliver --move" in world.judgement().message
    world.annotate(redeliver="t-1")
    world.annotate(move="staging")
    assert world.settle() == 0
    assert world.copy == before
    world.annotate(move="production")
    world.settle()
    assert world.copy is not None
    assert world.copy["data"] == data(PASSWORD="of production")
    assert world.effect == ("env", "manual")
    world.environment = "staging"
    assert world.judgement().reason is Usability.OTHER_ENVIRONMENT


def test_an_ignored_deployment_does_not_hold_a_move_up() -> None:
    """Seen to fail with its copy asked, too."""
    world = settled()
    world.environment = "production"
    world.mode("ignore")
    assert world.judgement().reason is Usability.DELIVERED


@pytest.mark.parametrize(
    ("namespaces", "reason"),
    [
        ([], Usability.NO_NAMESPACE),
        ([SeenNamespace("a"), SeenNamespace("b")], Usability.AMBIGUOUS),
        ([SeenNamespace("a", is_terminating=True)], Usability.TERMINATING),
    ],
)
def test_an_environment_is_one_living_namespace(namespaces: list[SeenNamespace], reason: Usability) -> None:
    """C3, C4: otherwise nothing at all is touched, not even a lost attachment."""
    world = settled()
    world.deployment = deployment()
    judgement = judge(read_app(world.app), "staging", namespaces, [], [world.linked()])
    assert (judgement.reason, judgement.source, judgement.keeps_attached) == (reason, None, False)
    assert judgement.message
    assert not denied("shop", "krt may not list Secrets").keeps_attached


@pytest.mark.parametrize(
    ("linked", "state", "said"),
    [
        (Linked("web"), LinkState.MISSING, "there is no Deployment web"),
        (Linked("web", others=("StatefulSet",)), LinkState.NOT_A_DEPLOYMENT, "web is a StatefulSet"),
        (
            Linked("web", read_deployment(deployment(metadata={"deletionTimestamp": "2026-11-29T20:00:00Z"}))),
            LinkState.MISSING,
            "is being deleted",
        ),
        (Linked("web", read_deployment(deployment()), is_taken=True), LinkState.REFUSED, "is not krt's"),
    ],
)
def test_a_name_that_is_no_deployments_is_told(linked: Linked, state: LinkState, said: str) -> None:
    """C11."""
    world = World()

    decision = decide(read_app(world.app), "staging", world.judgement(), linked, world.now)
    assert isinstance(decision, NoChange)
    assert decision.state is state
    assert said in decision.message


def test_the_copy_of_another_app_is_not_overwritten() -> None:
    world = World(copy=copy())
    assert world.copy is not None
    world.copy["metadata"]["labels"]["krt/copy-of"] = "billing"
    assert (world.settle(), world.writes, world.state) == (0, 0, LinkState.REFUSED)
    world.mode("ignore-and-detach")
    assert world.state is LinkState.DETACHED


def test_a_mount_in_the_way_refuses_the_delivery_and_writes_nothing() -> None:
    mounts = [{"name": "own", "mountPath": "/secrets"}]
    world = World(deployment=deployment(spec={"containers": [{"name": "main", "volumeMounts": mounts}]}))
    world.switch(**VOLUME)
    assert (world.settle(), world.copy, world.state) == (0, None, LinkState.REFUSED)


def test_a_deployment_that_is_no_longer_named_is_detached_on_demand() -> None:
    world = settled()
    world.mode("ignore-and-detach")
    linked = world.linked()
    assert linked.deployment is not None
    decision = decide_detached(read_app(app(environments={})), linked.deployment, linked.copy)
    assert isinstance(decision, Detach)
    assert decision.operations
    assert decision.copy is not None
    assert decide_detached(read_app(world.app), read_deployment(deployment()), None) == NoChange(LinkState.DETACHED)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("values"), st.sampled_from(["a", "b"])),
        st.tuples(st.just("mode"), st.sampled_from([None, "ignore", "ignore-and-detach", "odd"])),
        st.tuples(st.just("switch"), st.sampled_from(["env", "volume"])),
        st.tuples(st.just("reload"), st.sampled_from(["auto", "manual"])),
        st.tuples(st.just("redeliver"), st.sampled_from(["1", "2", "3"])),
        st.tuples(st.just("stop"), st.sampled_from([0, 1])),
        st.tuples(st.just("settle"), st.just(0)),
    ),
    max_size=14,
)


@given(STEPS)
def test_whatever_happens_it_settles_as_the_last_delivery_says(steps: list[tuple[str, Any]]) -> None:
    world, original = World(), deepcopy(deployment()["spec"]["template"])
    for kind, what in steps:
        match kind:
            case "values":
                world.values(PASSWORD=what)
            case "mode":
                world.mode(what)
            case "switch":
                world.switch(strategy=what, mountPath="/secrets" if what == "volume" else "")
            case "reload":
                world.switch(reload=what)
            case "redeliver":
                world.annotate(redeliver=what)
            case "stop":
                world.step(what)
                world.now += timedelta(hours=2)  # a stop is no fight
            case _:
                world.settle()
    world.settle()
    world.mode(None)
    world.now += timedelta(hours=2)
    world.settle()
    copied = world.linked().copy
    assert copied is not None
    assert world.copy is not None
    assert world.copy["data"] == world.sources[0]["data"]
    assert world.template["metadata"].get("annotations", {}).get(ENTRIES.stamp) in {
        copied.effect.stamp or None,
        *(() if copied.effect.stamp else world.template["metadata"].get("annotations", {}).values()),
    }
    world.mode("ignore-and-detach")
    world.settle()
    assert (world.template, world.copy) == (original, None)
