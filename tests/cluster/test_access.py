"""Who krt is at the API server: what a kubeconfig or a pod says, and when it is read again."""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from trio.testing import MockClock

from krt.cluster.access import http_client, load_access
from krt.cluster.workloads.open import open_cluster
from krt.dev.cluster import deployment
from krt.errors import ClusterDenied, ClusterUnavailable
from tests.cluster.plugin import Plugin, write_plugin
from tests.fakes.calls import Calls
from tests.fakes.stand_in import StandIn, key, write_kubeconfig


@pytest.fixture
def stand_in(stand_in):
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    return stand_in


@pytest.fixture
def plugin(tmp_path):
    return write_plugin(tmp_path / "plugin")


@asynccontextmanager
async def api_of(kubeconfig: Path | None):
    server, credentials = load_access(kubeconfig)
    async with http_client(server, connections=4) as client:
        yield Calls(client, credentials)


def with_user(stand_in: StandIn, user, **cluster) -> Path:
    return write_kubeconfig(stand_in.kubeconfig.parent, {"server": stand_in.url, **cluster}, user)


def sent(stand_in: StandIn) -> list[str | None]:
    return [seen.authorization for seen in stand_in.seen]


USERS = [
    ({"token": "first"}, "Bearer first"),
    ({"username": "krt", "password": "first"}, "Basic a3J0OmZpcnN0"),
    ({}, None),
]


@pytest.mark.parametrize(("user", "header"), USERS, ids=["token", "password", "nobody"])
async def test_the_user_of_the_kubeconfig_is_who_krt_is(stand_in, user, header):
    stand_in.cluster.tokens = None
    async with api_of(with_user(stand_in, user)) as api:
        await api.read(key("web"))
    assert sent(stand_in) == [header]


async def test_a_token_file_that_is_replaced_is_read_within_a_minute(stand_in, clock: MockClock):
    async with api_of(stand_in.kubeconfig) as api:
        await api.read(key("web"))
        stand_in.token_file.write_text("second")
        stand_in.cluster.tokens = {"first", "second"}
        await api.read(key("web"))
        clock.jump(60)
        await api.read(key("web"))
    assert sent(stand_in) == ["Bearer first", "Bearer first", "Bearer second"]


async def test_a_token_that_is_refused_is_read_again_at_once(stand_in, clock: MockClock):
    async with api_of(stand_in.kubeconfig) as api:
        await api.read(key("web"))
        clock.jump(5)
        stand_in.token_file.write_text("second")
        stand_in.cluster.tokens = {"second"}
        with pytest.raises(ClusterDenied):
            await api.read(key("web"))
        await api.read(key("web"))
    assert sent(stand_in)[1:] == ["Bearer first", "Bearer second"]


async def test_a_token_that_stays_refused_is_not_read_more_often_than_every_five_seconds(
    stand_in, plugin: Plugin, clock: MockClock
):
    plugin.give("unknown")
    async with api_of(with_user(stand_in, plugin.user)) as api:
        for _ in range(20):
            with pytest.raises(ClusterDenied):
                await api.read(key("web"))
        assert plugin.runs == 1
        clock.jump(5)
        for _ in range(20):
            with pytest.raises(ClusterDenied):
                await api.read(key("web"))
        assert plugin.runs == 2


async def test_the_line_end_of_a_token_file_is_no_part_of_the_token(stand_in):
    stand_in.token_file.write_text("first\n")
    async with api_of(stand_in.kubeconfig) as api:
        await api.read(key("web"))
    assert sent(stand_in) == ["Bearer first"]


@pytest.mark.parametrize("token", ["fi\nrst", "first\x00", "fürst", "fir st", "first\r\nX-Remote-User: admin"])
async def test_a_token_that_is_none_is_neither_sent_nor_shown(stand_in, caplog, token):
    stand_in.token_file.write_text(token, newline="")
    async with api_of(stand_in.kubeconfig) as api:
        with pytest.raises(ClusterUnavailable, match="its token has a character that no token has") as refused:
            await api.read(key("web"))
    assert stand_in.seen == []
    assert token not in str(refused.value) + caplog.text


async def test_a_token_file_that_is_away_for_a_while_leaves_the_token_in_force(stand_in, clock: MockClock):
    async with api_of(stand_in.kubeconfig) as api:
        await api.read(key("web"))
        stand_in.token_file.unlink()
        clock.jump(60)
        await api.read(key("web"))
        clock.jump(5)
        stand_in.cluster.tokens = {"second"}
        with pytest.raises(ClusterDenied):
            await api.read(key("web"))
        with pytest.raises(ClusterUnavailable, match=r"the credentials cannot be read: .*token: No such file"):
            await api.read(key("web"))
        clock.jump(5)
        stand_in.token_file.write_text("second")
        await api.read(key("web"))
    assert sent(stand_in) == ["Bearer first"] * 3 + ["Bearer second"]


async def test_an_empty_token_file_does_not_make_krt_a_stranger(stand_in):
    stand_in.token_file.write_text("")
    async with api_of(stand_in.kubeconfig) as api:
        with pytest.raises(ClusterUnavailable, match="its token is empty"):
            await api.read(key("web"))
    assert stand_in.seen == []


async def test_a_plugin_runs_once_for_as_long_as_its_token_lives(stand_in, plugin: Plugin, clock: MockClock):
    plugin.give("first", seconds=3600)
    async with api_of(with_user(stand_in, plugin.user)) as api:
        for _ in range(10):
            await api.read(key("web"))
            clock.jump(61)
    assert (plugin.runs, set(sent(stand_in))) == (1, {"Bearer first"})


async def test_a_plugin_whose_tokens_are_short_runs_once_a_minute(stand_in, plugin: Plugin, clock: MockClock):
    plugin.give("first", seconds=60)
    async with api_of(with_user(stand_in, plugin.user)) as api:
        await api.read(key("web"))
        before = plugin.runs
        for _ in range(12):
            clock.jump(10.1)
            await api.read(key("web"))
        assert plugin.runs == before + 2


async def test_a_plugin_is_run_again_when_its_token_is_refused(stand_in, plugin: Plugin, clock: MockClock):
    plugin.give("first", seconds=None)
    async with api_of(with_user(stand_in, plugin.user)) as api:
        await api.read(key("web"))
        clock.jump(5)
        plugin.give("second", seconds=None)
        stand_in.cluster.tokens = {"second"}
        with pytest.raises(ClusterDenied):
            await api.read(key("web"))
        await api.read(key("web"))
    assert (plugin.runs, sent(stand_in)[-1]) == (2, "Bearer second")


async def test_a_plugin_that_fails_makes_nobody_a_stranger_and_is_tried_again(
    stand_in, plugin: Plugin, clock: MockClock
):
    async with api_of(with_user(stand_in, plugin.user)) as api:
        for _ in range(3):
            with pytest.raises(
                ClusterUnavailable, match=r"its exec plugin .* failed with exit code 1: .* no cloud today"
            ):
                await api.read(key("web"))
        assert (stand_in.seen, plugin.runs) == ([], 1)
        clock.jump(5)
        plugin.give("first")
        await api.read(key("web"))
    assert sent(stand_in) == ["Bearer first"]


async def test_a_plugin_that_fails_when_its_token_is_refused_is_tried_until_it_works(
    stand_in, plugin: Plugin, clock: MockClock
):
    plugin.give("first")
    async with api_of(with_user(stand_in, plugin.user)) as api:
        await api.read(key("web"))
        plugin.fail()
        stand_in.cluster.tokens = {"second"}
        clock.jump(5)
        with pytest.raises(ClusterDenied):
            await api.read(key("web"))
        with pytest.raises(ClusterUnavailable):
            await api.read(key("web"))
        clock.jump(5)
        plugin.give("second")
        await api.read(key("web"))
    assert None not in sent(stand_in)


async def test_a_plugin_of_another_user_is_not_run(stand_in, plugin: Plugin, clock: MockClock):
    text = stand_in.kubeconfig.read_text()
    other = f"- name: other\n  user: {{exec: {{apiVersion: v1, command: {plugin.directory}/plugin}}}}\n"
    stand_in.kubeconfig.write_text(text.replace("users:\n", f"users:\n{other}"))
    stand_in.cluster.tokens = {"first", "second"}
    async with api_of(stand_in.kubeconfig) as api:
        await api.read(key("web"))
        stand_in.token_file.write_text("second")
        clock.jump(60)
        await api.read(key("web"))
    assert (plugin.runs, sent(stand_in)) == (0, ["Bearer first", "Bearer second"])


async def test_calls_at_once_share_one_reading(stand_in, plugin: Plugin):
    plugin.give("first")
    kubeconfig = with_user(stand_in, plugin.user)
    async with open_cluster(kubeconfig, kinds=("Deployment",), namespaces=("shop", "blog"), calls_at_once=4) as cluster:
        await cluster.wait_listed()
        assert plugin.runs == 1
