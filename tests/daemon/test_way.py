"""An event on its whole way, and everything that must not come through."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from krt.core.kube.workload import CAUSE, MARK
from krt.dev.cluster import deployment
from krt.dev.github import SHA
from tests.fakes.around import EVENT, IMAGE, Around, Krt, ask, get, post, running
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.process import Process, process
from tests.fakes.strangers import TOKENS


def mark(around: Around, name: str = "web") -> str | None:
    """What krt wrote on a Deployment."""
    return around.stand_in.document(name)["metadata"]["annotations"].get(MARK)


async def settled(around: Around) -> None:
    """Until the worker holds no entry any more: whatever it would do, it has done."""

    async def nothing_pending() -> bool:
        return not any(map(int, await around.pending()))

    await until_on_wall_clock(nothing_pending)


async def test_an_event_restarts_what_runs_the_image(around: Around, krt: Krt):
    around.stand_in.cluster.add(deployment("other", "shop", "ghcr.io/acme/other:dev"))
    around.stand_in.cluster.add(deployment("stable", "shop", f"{IMAGE}:stable"))
    before = {name: around.stand_in.document(name) for name in ("other", "stable")}
    reply = await krt.post(around.token())
    event = json.loads(reply.body)["id"]
    await until_on_wall_clock(lambda: mark(around))
    annotations = around.stand_in.document("web")["metadata"]["annotations"]
    assert event in annotations[MARK]
    assert f"actor=octocat repository=acme/shop ref=refs/heads/main sha={SHA} run=" in annotations[CAUSE]
    assert f"run={around.issuer.url}/acme/shop/actions/runs/" in annotations[CAUSE]
    assert {name: around.stand_in.document(name) for name in before} == before


async def test_the_report_of_the_event_says_what_became_of_it(around: Around):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(around.stand_in.cluster.roll_out)
        async with running("all", around.environ) as krt:
            await until_on_wall_clock(krt.is_ready)
            event = json.loads((await krt.post(around.token())).body)["id"]

            async def report() -> dict[str, object]:
                return json.loads((await ask(krt.web, get(f"/events/{event}?wait=5", around.token()))).body)

            async def is_over() -> bool:
                return (await report())["state"] == "ready"

            await until_on_wall_clock(is_over)
            (target,) = (await report())["targets"]
            assert (target["kind"], target["namespace"], target["name"]) == ("Deployment", "shop", "web")
        nursery.cancel_scope.cancel()


async def test_a_message_of_the_go_peers_restarts_too(around: Around, krt: Krt):
    assert await around.publish(b'{"image":"ghcr.io/acme/shop","tags":["dev"]}') == 1
    await until_on_wall_clock(lambda: mark(around))
    assert len(await around.journaled()) == 1


async def test_a_message_that_is_no_event_is_passed_over(around: Around, krt: Krt, caplog):
    for message in (
        b"",
        b"{",
        b"\xff",
        b'{"image":"ghcr.io/evil/shop","tags":["dev"]}',
        b'{"image":"x"}',
        b"x" * 70_000,
    ):
        await around.publish(message)
    await around.publish(json.dumps(EVENT).encode())
    await until_on_wall_clock(lambda: mark(around))


async def test_an_image_that_the_worker_is_not_for_is_not_restarted_whoever_says_so(around: Around):
    around.stand_in.cluster.add(deployment("evil", "shop", "ghcr.io/evil/shop:dev"))
    async with running("worker", around.environ) as krt:
        await until_on_wall_clock(krt.is_ready)
        await around.publish(b'{"image":"ghcr.io/evil/shop","tags":["dev"]}')
        await around.publish(json.dumps(EVENT).encode())
        await until_on_wall_clock(lambda: mark(around))
        assert mark(around, "evil") is None


async def test_an_event_that_was_accepted_while_no_worker_lived_is_not_lost(around: Around):
    async with running("web", around.environ) as krt:
        await until_on_wall_clock(krt.is_ready)
        assert (await krt.post(around.token())).status == 202
    async with running("worker", around.environ):
        await until_on_wall_clock(lambda: mark(around))


async def test_a_dry_run_restarts_nothing(around: Around, krt: Krt):
    reply = await krt.post(around.token(), path="/event/dry-run")
    event = json.loads(reply.body)["id"]
    await around.publish(b"{}\n \n")  # nobody is rung for a dry-run: the worker would look within 5 s

    async def is_done() -> bool:
        return json.loads((await ask(krt.web, get(f"/events/{event}", around.token()))).body)["state"] == "done"

    await until_on_wall_clock(is_done)
    assert (mark(around), around.stand_in.calls("patch")) == (None, 0)


async def test_an_event_costs_no_list(around: Around, krt: Krt):
    lists = around.stand_in.calls("list")
    await krt.post(around.token())
    await until_on_wall_clock(lambda: mark(around))
    assert around.stand_in.calls("list") == lists
    assert around.stand_in.calls("patch") == 1


async def test_a_retry_restarts_once(around: Around, krt: Krt):
    request = post(around.token())
    for _ in range(3):
        assert (await ask(krt.web, request)).status == 202
    await until_on_wall_clock(lambda: mark(around))
    await settled(around)
    assert around.stand_in.calls("patch") == 1


def with_body(body: bytes):
    return lambda around: post(around.token(), body)


def as_known(**changes):
    return lambda around: post(around.token(), EVENT | changes)


def as_stranger(name: str):
    return lambda around: post(TOKENS[name](around))


def with_two_headers(around: Around) -> bytes:
    return post(around.token(), more=f"Authorization: Bearer {around.token()}")


def with_expectation(around: Around) -> bytes:
    return post(around.token(), more="Expect: tea")


# The twelve of the issue, and what the answer to each is.
REFUSED = {
    "no token": (as_stranger("no token"), 401),
    "wrong audience": (as_stranger("wrong audience"), 401),
    "wrong issuer": (as_stranger("wrong issuer"), 401),
    "expired": (as_stranger("expired"), 401),
    "other key": (as_stranger("other key"), 401),
    "alg none": (as_stranger("alg none"), 401),
    "HS256 with the public key": (as_stranger("HS256 with the public key"), 401),
    "unknown field": (as_known(force=True), 400),
    "duplicate key": (with_body(b'{"image":"ghcr.io/acme/shop","tags":["dev"],"tags":["dev"]}'), 400),
    "two Authorization headers": (with_two_headers, 401),
    "image outside the prefix": (as_known(image="ghcr.io/evil/shop"), 403),
    "Expect: tea": (with_expectation, 417),
}


async def test_each_of_the_twelve_is_refused_and_leaves_no_trace(around: Around, krt: Krt):
    around.stand_in.cluster.add(deployment("evil", "shop", "ghcr.io/evil/shop:dev"))
    async with around.overhearing() as ear:
        replies = {name: await ask(krt.web, make(around)) for name, (make, _) in REFUSED.items()}
        assert {name: reply.status for name, reply in replies.items()} == {n: s for n, (_, s) in REFUSED.items()}
        assert {reply.body for reply in replies.values() if reply.status in {401, 417}} == {b""}
        assert {reply.headers["connection"] for reply in replies.values()} == {"close"}
        assert await ear.heard() == []
    assert await around.journaled() == []
    assert around.stand_in.calls("patch") == 0


async def test_after_all_of_them_a_good_call_is_accepted(around: Around, krt: Krt):
    for make, _ in REFUSED.values():
        await ask(krt.web, make(around))
    assert (await krt.post(around.token())).status == 202
    await until_on_wall_clock(lambda: mark(around))


@asynccontextmanager
async def two_processes(around: Around) -> AsyncIterator[tuple[Process, Process]]:
    async with (
        process("web", environ=around.of("web")) as web,
        process("worker", environ=around.of("worker")) as worker,
    ):
        await web.wait_said("ready")
        await worker.wait_said("ready")
        yield web, worker


def web_of(process: Process) -> str:
    (started,) = process.said("started")
    (where,) = started["web_at"]
    return where


async def test_web_and_worker_as_two_processes(around: Around):
    async with two_processes(around) as (web, worker):
        where = Krt.at(web_of(web))
        event = json.loads((await where.post(around.token())).body)["id"]
        await until_on_wall_clock(lambda: mark(around))
        restarted = await worker.wait_said("workload_restarted")
        assert (restarted["event_id"], restarted["workload"]) == (event, "Deployment shop/web")
        assert web.said("workload_restarted") == []
        for one in (web, worker):
            code, seconds = await one.stopped()
            assert (code, seconds < slack(0.5)) == (0, True), f"stopped after {seconds:.2f} s"


async def test_no_log_line_of_either_holds_anything_of_the_token(around: Around):
    async with two_processes(around) as (web, worker):
        token = around.token()
        assert (await Krt.at(web_of(web)).post(token)).status == 202
        await worker.wait_said("workload_restarted")
        for part in token.split("."):
            assert part not in web.err + worker.err
