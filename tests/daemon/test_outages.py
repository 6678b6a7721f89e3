"""What krt needs goes away and comes back: the process lives, says what it lacks, and goes on."""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from krt.core.kube.workload import MARK
from krt.dev.cluster import Fault, deployment
from krt.dev.issuer import KeysFault
from tests.fakes.around import IMAGE, Around, Krt, around_krt, running
from tests.fakes.pace import hurried
from tests.fakes.polling import until_on_wall_clock


@pytest.fixture
def clock(mock_clock: MockClock) -> MockClock:
    """Goes as the wall's does; what is looked at now and then is looked at when the test jumps."""
    mock_clock.rate = 1
    return mock_clock


def mark(around: Around) -> str | None:
    return around.stand_in.document("web")["metadata"]["annotations"].get(MARK)


def problem(krt: Krt, *, about: str) -> Callable[[], object]:
    """Whether a problem is reported that begins with `about`, and the process lives."""

    async def is_reported() -> bool:
        assert await krt.is_alive()
        return any(one.startswith(about) for one in await krt.problems())

    return is_reported


async def assert_works(around: Around, krt: Krt) -> None:
    """An event goes the whole way."""
    before = mark(around)
    around.stand_in.set_image("web", f"{IMAGE}:dev")
    assert (await krt.post(around.token())).status == 202
    await until_on_wall_clock(lambda: mark(around) != before)


async def test_valkey_goes_away_and_comes_back(around: Around, krt: Krt, clock: MockClock):
    clock.rate = hurried(10)
    await around.valkey.stop()
    await until_on_wall_clock(problem(krt, about="channel: "))
    await until_on_wall_clock(problem(krt, about="Valkey"))
    assert (await krt.post(around.token())).status == 503
    await around.valkey.start()
    await until_on_wall_clock(krt.is_ready)
    clock.rate = 1
    await assert_works(around, krt)


async def test_an_event_whose_answer_was_503_is_accepted_when_it_is_sent_again(around: Around, krt: Krt):
    await around.valkey.stop()
    token = around.token()
    assert (await krt.post(token)).status == 503
    await around.valkey.start()
    assert (await krt.post(token)).status == 202
    await until_on_wall_clock(lambda: mark(around))
    assert len(await around.journaled()) == 1


async def test_what_was_accepted_before_valkey_was_killed_is_restarted_after(tmp_path, clock: MockClock):
    async with around_krt(tmp_path, durable=True) as around, running("all", around.environ) as krt:
        around.stand_in.cluster.add(deployment("web", "shop", f"{IMAGE}:dev"))
        around.stand_in.cluster.faults.add(Fault(status=503, verb="patch"), times=None)
        await until_on_wall_clock(krt.is_ready)
        assert (await krt.post(around.token())).status == 202
        await until_on_wall_clock(lambda: around.stand_in.calls("patch"))
        await around.valkey.kill()
        around.stand_in.cluster.faults.clear()
        await around.valkey.start()
        clock.rate = hurried(10)
        await until_on_wall_clock(lambda: mark(around))
        assert len(await around.journaled()) == 1


async def test_valkey_that_does_not_answer_is_no_end(around: Around, krt: Krt, clock: MockClock):
    around.valkey.pause()
    clock.rate = hurried(20)
    await until_on_wall_clock(problem(krt, about="Valkey"))
    around.valkey.resume()
    await until_on_wall_clock(krt.is_ready)
    clock.rate = 1
    await assert_works(around, krt)


async def test_an_api_server_that_refuses_everything_is_waited_for(around: Around, krt: Krt, clock: MockClock):
    around.stand_in.cluster.faults.add(Fault(status=503), times=None)
    around.stand_in.cluster.end_watches()
    await until_on_wall_clock(problem(krt, about="deployments in all namespaces: 503 ServiceUnavailable"))
    assert (await krt.post(around.token())).status == 202
    await until_on_wall_clock(lambda: around.stand_in.calls("patch"))
    assert mark(around) is None
    around.stand_in.cluster.faults.clear()
    clock.rate = hurried(20)
    await until_on_wall_clock(krt.is_ready)
    await until_on_wall_clock(lambda: mark(around))


async def test_a_watch_that_is_cut_in_the_middle_is_taken_up_again(around: Around, krt: Krt):
    around.stand_in.cluster.faults.cut_watches = True
    around.stand_in.set_image("web", "ghcr.io/acme/other:dev")
    await until_on_wall_clock(lambda: around.stand_in.calls("watch") > 1)
    around.stand_in.cluster.faults.cut_watches = False
    around.stand_in.set_image("web", f"{IMAGE}:dev")
    await until_on_wall_clock(krt.is_ready)
    await assert_works(around, krt)


async def test_a_version_that_is_too_old_leads_to_a_new_list(around: Around, krt: Krt, clock: MockClock):
    around.stand_in.cluster.faults.add(Fault(status=503, verb="watch", resource="deployments"))
    around.stand_in.cluster.end_watches()
    around.stand_in.set_image("web", "ghcr.io/acme/other:dev")
    around.stand_in.forget_history()
    clock.rate = hurried(10)
    await until_on_wall_clock(lambda: around.stand_in.calls("list") == 2)
    await until_on_wall_clock(krt.is_ready)
    await assert_works(around, krt)


async def test_an_api_server_that_is_away_at_the_start_is_waited_for(around: Around, clock: MockClock):
    around.stand_in.cluster.faults.add(Fault(status=503), times=None)
    async with running("all", around.environ) as krt:
        await until_on_wall_clock(problem(krt, about="deployments in all namespaces: 503"))
        assert (await krt.post(around.token())).status == 202
        assert mark(around) is None
        around.stand_in.cluster.faults.clear()
        clock.rate = hurried(20)
        await until_on_wall_clock(lambda: mark(around))


async def test_everything_is_away_at_the_start(around: Around, clock: MockClock):
    around.stand_in.cluster.faults.add(Fault(status=403), times=None)
    around.issuer.keys_fault = KeysFault.ERROR
    await around.valkey.stop()
    async with running("all", around.environ) as krt:
        await until_on_wall_clock(problem(krt, about="keys: "))
        await until_on_wall_clock(problem(krt, about="Valkey"))
        await until_on_wall_clock(problem(krt, about="channel: "))
        await until_on_wall_clock(problem(krt, about="deployments in all namespaces: 403"))
        around.stand_in.cluster.faults.clear()
        around.issuer.keys_fault = KeysFault.NONE
        await around.valkey.start()
        clock.rate = hurried(20)
        await until_on_wall_clock(krt.is_ready)
        clock.rate = 1
        await assert_works(around, krt)


async def test_the_issuers_keys_are_used_on_while_it_is_away(around: Around, krt: Krt, clock: MockClock):
    around.issuer.keys_fault = KeysFault.ERROR
    fetches = around.issuer.keys_fetches
    clock.jump(800)
    await until_on_wall_clock(lambda: around.issuer.keys_fetches > fetches)
    await assert_works(around, krt)


async def test_a_forbidden_patch_is_tried_again_until_it_is_allowed(around: Around, krt: Krt, clock: MockClock):
    around.stand_in.cluster.faults.add(Fault(status=403, verb="patch"), times=3)
    assert (await krt.post(around.token())).status == 202
    clock.rate = hurried(10)
    await until_on_wall_clock(lambda: mark(around))
    assert around.stand_in.calls("patch") == 4


async def test_the_token_of_the_cluster_is_rotated(around: Around, krt: Krt, clock: MockClock):
    around.stand_in.token_file.write_text("second")
    around.stand_in.cluster.tokens = {"second"}
    clock.jump(5)
    await assert_works(around, krt)


async def test_nothing_is_restarted_twice_for_all_that(around: Around, krt: Krt):
    assert (await krt.post(around.token())).status == 202
    await until_on_wall_clock(lambda: mark(around))
    for _ in range(3):
        await around.valkey.stop()
        await around.valkey.start()
        around.stand_in.cluster.end_watches()
        await trio.sleep(0.05)
    await until_on_wall_clock(krt.is_ready)
    assert around.stand_in.calls("patch") == 1
