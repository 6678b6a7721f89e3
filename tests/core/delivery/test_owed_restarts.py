"""What a run owes, wherever the one before it was killed: every step of it, and every pair of steps, is tried."""

from collections import Counter
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krt.core.delivery.bundle_restart import restart_patch
from krt.core.delivery.owed_restarts import NOT_THERE, next_step, owed
from krt.core.delivery.pending_restarts import RESTART_PENDING
from krt.core.delivery.restart_steps import (
    AwaitTarget,
    BundleSuperseded,
    NothingOwed,
    RestartTargetNow,
    TakeOffList,
    TargetFailed,
)
from krt.core.kube.rollout import ON_DELETE, PAUSED
from krt.core.restart.progress import TAKEN_BACK
from tests.core.delivery.world import A, B, Ended, World, a_deployment, killed, publication, run, to_end
from tests.fakes.values import NOW

ONE, TWO = publication(b"one"), publication(b"two")
STEPS = 8  # apply, two restarts, two waits, two targets off the list, and the end


def holds(world: World, content: Any) -> None:
    assert world.secret is not None
    assert (world.secret["data"], world.pending) == (content.bundle.data, None)


def test_a_run_restarts_all_in_their_order_and_then_waits_for_each() -> None:
    world = World()
    steps = [each for each in run(world, ONE) if isinstance(each, str)]
    assert steps == [
        "apply",
        *("restart deployment/a", "restart deployment/b"),
        *("await deployment/a", "take off deployment/a", "await deployment/b", "take off deployment/b"),
    ]
    assert len(steps) == STEPS - 1


@pytest.mark.parametrize("first", range(STEPS))
@pytest.mark.parametrize("second", range(STEPS))
def test_wherever_two_runs_are_killed_the_third_owes_each_target_one_restart(first: int, second: int) -> None:
    """Seen to fail with the list left out of the apply, and with the annotation on the targets not read."""
    world = World()
    killed(world, ONE, first)
    killed(world, ONE, second)
    ended = to_end(run(world, ONE))
    assert ended.step == NothingOwed()
    holds(world, ONE)
    assert world.since_change() == ["a", "b"]


@pytest.mark.parametrize(("first", "second"), list(product(range(STEPS), repeat=2)))
def test_a_bundle_that_follows_a_killed_run_is_restarted_for_once_also_when_it_is_an_old_one(
    first: int, second: int
) -> None:
    """Seen to fail with the digest in place of the change's own id: the bytes of before were restarted for already."""
    world = World()
    to_end(run(world, ONE))
    killed(world, TWO, first)
    killed(world, ONE, second)
    has_changed = world.secret is not None and world.log[-1] is not None
    assert has_changed
    assert to_end(run(world, TWO)).step == NothingOwed()
    holds(world, TWO)
    assert Counter(world.since_change()) == {"a": 1, "b": 1}


def test_equal_bytes_restart_nothing_and_write_nothing() -> None:
    """Seen to fail with every apply taken for a change."""
    world = World()
    assert to_end(run(world, ONE)) == Ended(NothingOwed(), ["deployment/a", "deployment/b"])
    writes = world.writes
    assert to_end(run(world, ONE)) == Ended(NothingOwed(), [])
    assert world.writes == writes


def test_a_run_that_finds_a_restart_made_counts_it_and_does_not_make_it_again() -> None:
    world = World()
    killed(world, ONE, 3)
    assert to_end(run(world, ONE)).restarted == ["deployment/a", "deployment/b"]
    assert world.since_change() == ["a", "b"]


def test_data_edited_by_hand_are_put_right_and_restarted_for() -> None:
    """Seen to fail with the annotation alone compared."""
    world = World()
    to_end(run(world, ONE))
    assert world.secret is not None
    world.secret["data"] = {"dist.tgz": "aGFuZA=="}
    to_end(run(world, ONE))
    holds(world, ONE)
    assert world.since_change() == ["a", "b"]


def test_the_same_bytes_under_another_key_are_a_change_and_the_old_key_goes() -> None:
    world = World()
    to_end(run(world, ONE))
    moved = publication(b"one", key="other.tgz")
    to_end(run(world, moved))
    holds(world, moved)
    assert world.since_change() == ["a", "b"]


def test_a_run_restarts_also_what_the_run_before_named_and_still_owes() -> None:
    """Section 5: a later apply with equal bytes restarts what is still on the list. Seen to fail: b stayed for ever."""
    for named in ((A,), (B,), ()):
        world = World()
        killed(world, ONE, 1)
        only = replace(ONE, targets=named)
        assert sorted(to_end(run(world, only)).restarted) == ["deployment/a", "deployment/b"]
        holds(world, ONE)


def test_other_bytes_are_owed_to_the_targets_alone_that_their_run_names() -> None:
    """H16."""
    world = World()
    killed(world, ONE, 1)
    assert to_end(run(world, publication(b"two", A))).restarted == ["deployment/a"]
    assert (world.since_change(), world.pending) == (["a"], None)


def test_two_first_runs_in_every_order_of_their_steps_restart_each_target_once() -> None:
    """Seen to fail: both found no Secret, and the second one's apply made another change of the first one's."""
    for order in product("xy", repeat=9):
        world = World()
        runs = {"x": run(world, ONE), "y": run(world, ONE)}
        for turn in [*order, *("x" * 40), *("y" * 40)]:
            next(runs[turn], None)
        holds(world, ONE)
        assert Counter(world.since_change()) == {"a": 1, "b": 1}


def test_a_target_that_is_not_there_leaves_the_list_at_once() -> None:
    world = World()
    del world.targets[A]
    assert to_end(run(world, ONE)) == Ended(NothingOwed(), ["deployment/b"])
    holds(world, ONE)


def test_a_rollout_that_gets_stuck_fails_the_run_and_the_next_one_restarts_it() -> None:
    """Seen to fail with a stuck rollout only followed: no run ever gets it going again."""
    world = World(stuck={A})
    failed = to_end(run(world, ONE))
    assert failed.step == TargetFailed(A, "late")
    assert world.pending is not None
    assert world.pending.endswith("deployment/a deployment/b")
    assert to_end(run(world, ONE)).step == TargetFailed(A, "late")
    world.stuck = set()
    assert to_end(run(world, ONE)).step == NothingOwed()
    assert world.since_change() == ["a", "b", "a", "a"]


def test_a_restart_that_somebody_takes_back_fails_the_run_and_the_next_one_makes_it_again() -> None:
    """Seen to fail with the annotation alone believed."""
    world = World()
    run_ = run(world, ONE)
    for each in run_:
        if each == "restart deployment/b":
            world.revert(A)
        if isinstance(each, Ended):
            assert each.step == TargetFailed(A, TAKEN_BACK)
    assert to_end(run(world, ONE)).step == NothingOwed()
    assert world.since_change() == ["a", "b", "a"]


@pytest.mark.parametrize("at", range(1, STEPS - 1))
def test_a_run_that_another_bundle_overtakes_ends_and_takes_nothing_off_the_others_list(at: int) -> None:
    world = World()
    run_ = run(world, ONE)
    for number, each in enumerate(run_):
        if number == at:
            killed(world, TWO, 1)
            written = world.pending
        if isinstance(each, Ended):
            assert isinstance(each.step, BundleSuperseded)
            assert each.step.reason == f"superseded by bundle {TWO.bundle.sha256[:12]}..."
    assert world.pending == written
    assert to_end(run(world, TWO)).step == NothingOwed()
    assert Counter(world.since_change())["a"] in {1, 2}  # what ONE had in hand may have come after TWO's content


def test_two_runs_of_one_bundle_in_every_order_of_their_steps_restart_each_target_once() -> None:
    """Seen to fail with a restart that is not guarded by the target's version."""
    seen = set()
    for order in product("xy", repeat=9):
        world = World()
        to_end(run(world, ONE))
        runs = {"x": run(world, TWO), "y": run(world, TWO)}
        ends = {}
        for turn in [*order, *("x" * 40), *("y" * 40)]:
            each = next(runs[turn], None)
            if isinstance(each, Ended):
                ends[turn] = each
        assert [end.step for end in ends.values()] == [NothingOwed(), NothingOwed()]
        holds(world, TWO)
        assert Counter(world.since_change()) == {"a": 1, "b": 1}
        seen.add(tuple(map(tuple, (end.restarted for end in ends.values()))))
    assert len(seen) > 1


EVENTS = st.one_of(
    st.tuples(
        st.just("run"),
        st.sampled_from([b"one", b"two"]),
        st.sampled_from([(A, B), (B, A), (A,), (B,)]),
        st.integers(0, STEPS),
    ),
    st.tuples(st.just("stuck"), st.sampled_from([A, B])),
    st.tuples(st.just("well"), st.sampled_from([A, B])),
    st.tuples(st.just("revert"), st.sampled_from([A, B])),
    st.tuples(st.just("edit"), st.sampled_from(["data", "digest", "list"])),
)


@given(st.lists(EVENTS, max_size=8), st.sampled_from([ONE, TWO]))
@example([("run", b"one", (A, B), 1), ("edit", "digest"), ("run", b"one", (A,), 1)], ONE)
def test_whatever_happened_a_run_that_ends_well_has_restarted_what_the_change_named(
    events: list[Any], last: Any
) -> None:
    world = World()
    named: set[str] = set()
    for event in events:
        before = len(world.log)
        if event[0] == "run":
            wanted = publication(event[1], *event[2])
            killed(world, wanted, event[3])
            changed = any(what == "change" for what, _ in world.log[before:])
            named = {each.name for each in wanted.targets} if changed else named
        else:
            happen(world, *event)
    world.stuck = set()
    before = len(world.log)
    ended = to_end(run(world, last))
    assert ended.step == NothingOwed()
    if any(what == "change" for what, _ in world.log[before:]):
        named = {"a", "b"}
        assert Counter(world.since_change()) == {"a": 1, "b": 1}
    assert named <= set(world.since_change())
    assert world.pending is None


def happen(world: World, what: str, to: Any) -> None:
    if what == "stuck":
        world.stuck.add(to)
    elif what == "well":
        world.stuck.discard(to)
        world.roll(to)
    elif what == "revert" and not world.stuck:
        world.revert(to)
    elif what == "edit" and world.secret is not None:
        metadata = world.secret["metadata"]
        if to == "data":
            world.secret["data"] = {"dist.tgz": "aGFuZA=="}
        elif to == "digest":
            metadata["annotations"]["hyops.bundle-sha256"] = "0" * 64
        else:
            metadata["annotations"][RESTART_PENDING] = "no list"
        world.version += 1
        metadata["resourceVersion"] = str(world.version)


def step_for(target: dict[str, Any] | None, *, restarted: bool = True) -> object:
    """The next step for the only target, restarted for the change or not."""
    world = World()
    killed(world, publication(b"one", A), 1)
    secret = world.secret or {}
    if target and restarted:
        (owing,) = owed(ONE, secret)
        change = RestartTargetNow(owing, secret["metadata"]["annotations"][RESTART_PENDING].split(" ")[1])
        patch: Any = restart_patch(ONE, change, target, cause="", now=NOW)
        target["metadata"]["annotations"] = patch["metadata"]["annotations"]
        target["spec"]["template"]["metadata"] = patch["spec"]["template"]["metadata"]
    return next_step(ONE, secret, {A: target}, tried=(), now=NOW)


def changed(*, spec: Any = None, status: Any = None, **metadata: Any) -> dict[str, Any]:
    body = a_deployment("a")
    return {
        **body,
        "metadata": {**body["metadata"], **metadata},
        "spec": {**body["spec"], **(spec or {})},
        "status": {**body["status"], **(status or {})},
    }


@pytest.mark.parametrize(
    ("target", "restarted", "step"),
    [
        (None, False, TakeOffList(A, is_restarted=False, warning=NOT_THERE)),
        (
            changed(deletionTimestamp="2026-11-20T12:00:00Z"),
            False,
            TakeOffList(A, is_restarted=False, warning="it is being deleted"),
        ),
        (changed(), True, TakeOffList(A, is_restarted=True)),
        (changed(spec={"replicas": 0}, status={"replicas": 0}), True, TakeOffList(A, is_restarted=True)),
        (
            changed(spec={"paused": True}, generation=2),
            True,
            TakeOffList(A, is_restarted=True, warning=PAUSED),
        ),
        (changed(generation=2), True, AwaitTarget(A, "0 of 1 pods updated, 1 available")),
        (
            changed(spec={"updateStrategy": {"type": "OnDelete"}}, status={"updatedReplicas": 0}),
            True,
            TargetFailed(A, f"{ON_DELETE}: delete its old pods, then run the same command again"),
        ),
        (changed(generation="2"), False, TargetFailed(A, "its fields are not those of its kind")),
    ],
)
def test_the_next_step_follows_from_the_targets_own_status(
    target: dict[str, Any] | None, restarted: bool, step: object
) -> None:
    assert step_for(target, restarted=restarted) == step


def test_a_target_that_is_owed_a_restart_gets_it_whatever_its_status() -> None:
    for target in (changed(), changed(generation=2), changed(spec={"paused": True})):
        step = step_for(target, restarted=False)
        assert isinstance(step, RestartTargetNow)
        assert step.target == A


def test_a_secret_that_is_deleted_or_whose_list_is_broken_ends_the_run() -> None:
    world = World()
    killed(world, ONE, 1)
    assert next_step(ONE, None, {}, tried=(), now=NOW) == BundleSuperseded("Secret shop/web was deleted meanwhile")
    happen(world, "edit", "list")
    assert world.secret is not None
    step = next_step(ONE, world.secret, {}, tried=(), now=NOW)
    assert step == BundleSuperseded("somebody has changed the annotations of Secret shop/web")
    assert owed(ONE, world.secret) == ()


def test_a_restart_is_later_than_the_one_in_force_whatever_clock_wrote_that() -> None:
    body = a_deployment("a")
    body["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2030-01-01T00:00:00Z"}
    patch: Any = restart_patch(ONE, RestartTargetNow(A, "c1"), body, cause="why", now=NOW)
    assert patch == {
        "metadata": {
            "resourceVersion": "1",
            "annotations": {"krt/bundle-4b5e57f6": "c1 2030-01-01T00:00:01.000000Z", "krt/cause": "why"},
        },
        "spec": {
            "template": {
                "metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2030-01-01T00:00:01.000000Z"}}
            }
        },
    }
