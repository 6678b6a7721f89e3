"""App secrets on the real API server: what is delivered when, how many rollouts that makes, and what is not written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import pytest
import trio

from krt.controller.app_secrets.place import GATHER_SECONDS
from krt.controller.app_secrets.secrets_controller import SecretsController
from krt.core.app_secrets.names import copy_name
from tests.controller.secrets_desk import SecretsDesk
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver


@asynccontextmanager
async def delivered(secrets: SecretsDesk, reload: str = "auto") -> AsyncIterator[SecretsController]:
    """A controller with nothing left to do: the Deployment `web` has the value."""
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web", reload=reload)
    async with secrets.running() as controller:
        await secrets.until_delivered(KEY="one")
        await secrets.until_settled(controller)
        yield controller


async def test_a_changed_value_is_exactly_one_rollout(secrets: SecretsDesk) -> None:
    """C10, and the first delivery is one as well."""
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web")
    before = await secrets.generation()
    async with secrets.running() as controller:
        await secrets.until_delivered(KEY="one")
        await secrets.until_settled(controller)
        assert await secrets.generation() == before + 1
        await secrets.put(KEY="two")
        await secrets.until_delivered(KEY="two")
        await secrets.until_settled(controller)
        assert await secrets.generation() == before + 2
        await secrets.until_condition("True", "Delivered")


async def test_fifty_changes_in_two_seconds_are_two_rollouts_at_most_and_the_last_one_counts(
    secrets: SecretsDesk,
) -> None:
    async with delivered(secrets) as controller:
        before = await secrets.generation()
        for number in range(50):
            await secrets.put(KEY=f"v{number}")
            await trio.sleep(0.01)
        await secrets.until_delivered(KEY="v49")
        await secrets.until_settled(controller)
        assert await secrets.generation() - before in {1, 2}


async def test_equal_content_many_looks_another_managers_edit_and_a_restart_write_nothing(secrets: SecretsDesk) -> None:
    """C13. The requests are counted: nothing but the Lease is written."""
    async with delivered(secrets) as controller:
        await secrets.until_condition("True", "Delivered")
        await secrets.until_settled(controller)
        generation = await secrets.generation()
        secrets.requests.clear()
        await secrets.put(KEY="one")
        await secrets.annotate_source(note="nobody reads this")
        await secrets.patch(secrets.path(), {"metadata": {"labels": {"team": "shop"}}})
        for _ in range(1000):
            controller.look(secrets.app, secrets.environment)
            await trio.lowlevel.checkpoint()
        await trio.sleep(GATHER_SECONDS + 0.5)
        await secrets.until_settled(controller)
        await secrets.patch(secrets.path(), {"spec": {"replicas": 3}})
    async with secrets.running("two") as controller:
        await secrets.until_settled(controller)
        assert secrets.writes == []
        assert await secrets.generation() == generation + 1  # the test's own write of replicas


async def test_manual_restarts_nothing_and_a_new_key_neither(secrets: SecretsDesk) -> None:
    """C12, C21. The copy is what the next pods read; the template has no stamp."""
    async with delivered(secrets, reload="manual") as controller:
        generation, template = await secrets.generation(), await secrets.template()
        await secrets.put(KEY="two", NEW="key")
        await secrets.until_delivered(KEY="two", NEW="key")
        await secrets.until_settled(controller)
        assert await secrets.generation() == generation
        assert await secrets.template() == template
        assert await secrets.stamp() == ""


async def test_ignore_freezes_the_copy_and_its_removal_brings_the_newest_within_two_seconds(
    secrets: SecretsDesk,
) -> None:
    """C15, C17, C18."""
    await secrets.deploy("worker")
    async with delivered(secrets) as controller:
        await secrets.link("web", "worker")
        await secrets.until_delivered("worker", KEY="one")
        await secrets.mode("ignore")
        await secrets.until_state("Ignored")
        before, copy = await secrets.generation(), await secrets.copy()
        for number in range(10):
            await secrets.put(KEY=f"v{number}")
        await secrets.until_delivered("worker", KEY="v9")
        await secrets.until_settled(controller)
        assert (await secrets.generation(), await secrets.copy()) == (before, copy)
        await secrets.mode(None)
        began = perf_counter()
        await secrets.until_delivered(KEY="v9")
        assert perf_counter() - began < slack(0.5)


async def test_ignore_and_detach_removes_exactly_krts_entries_and_the_copy_and_all_comes_back(
    secrets: SecretsDesk,
) -> None:
    """C16, C17, C22. The app's own entries are byte-equal."""
    own = {
        "name": "main",
        "image": "ghcr.io/acme/shop:dev",
        "envFrom": [{"configMapRef": {"name": "own"}}, {"secretRef": {"name": "own"}}],
        "env": [{"name": "A", "value": "b"}],
    }
    await secrets.deploy(pod={"containers": [own], "volumes": [{"name": "own", "emptyDir": {}}]})
    template = await secrets.template()
    await secrets.put(KEY="one")
    await secrets.link("web")
    async with secrets.running() as controller:
        await secrets.until_delivered(KEY="one")
        await secrets.mode("ignore-and-detach")
        await secrets.until_state("Detached")
        await secrets.until_settled(controller)
        assert (await secrets.template(), await secrets.copy()) == (template, None)
        await secrets.put(KEY="two")
        await trio.sleep(GATHER_SECONDS + 0.5)
        await secrets.until_settled(controller)
        assert (await secrets.template(), await secrets.copy()) == (template, None)
        await secrets.mode(None)
        began = perf_counter()
        await secrets.until_delivered(KEY="two")
        assert perf_counter() - began < slack(0.5)


async def test_an_unknown_mode_counts_as_ignore_with_a_condition_and_an_event(secrets: SecretsDesk) -> None:
    """C19."""
    async with delivered(secrets):
        await secrets.mode("ingore")
        await secrets.until_state("Ignored", "'ingore'")
        await secrets.until_condition("False", "Incomplete", "'ingore'")
        await secrets.until_event("SecretsNotDelivered", "'ingore'")
        await secrets.put(KEY="two")
        await trio.sleep(GATHER_SECONDS + 0.5)
        assert await secrets.values() == {"KEY": "one"}


async def test_a_switch_of_strategy_or_reload_waits_for_the_next_delivery_and_redeliver_is_one(
    secrets: SecretsDesk,
) -> None:
    """C5, C6, C14."""
    async with delivered(secrets) as controller:
        generation = await secrets.generation()
        await secrets.link("web", strategy="volume", mountPath="/secrets")
        await secrets.until_settled(controller)
        await trio.sleep(0.5)
        await secrets.until_settled(controller)
        assert await secrets.generation() == generation
        await secrets.annotate_source(redeliver="t-1")

        async def is_mounted() -> bool:
            [container] = (await secrets.template())["spec"]["containers"]
            return "envFrom" not in container and container["volumeMounts"][0]["mountPath"] == "/secrets"

        await until_on_wall_clock(is_mounted, within_seconds=30)
        await secrets.until_settled(controller)
        assert await secrets.generation() == generation + 1
        await secrets.link("web", reload="manual", strategy="volume", mountPath="/secrets")
        await secrets.put(KEY="two")  # the delivery by which `manual` takes effect
        await secrets.until_delivered(KEY="two")
        await secrets.until_settled(controller)
        assert await secrets.generation() == generation + 1


async def test_a_lost_attachment_and_an_edited_copy_come_back(secrets: SecretsDesk) -> None:
    async with delivered(secrets) as controller:
        await secrets.patch(secrets.path(), {"spec": {"template": {"metadata": {"annotations": None}}}})
        await secrets.until_delivered(KEY="one")
        path = f"/api/v1/namespaces/{secrets.namespace}/secrets/{copy_name(secrets.app, 'web')}"
        await secrets.patch(path, {"data": {"KEY": "c29tZXRoaW5n"}})
        await secrets.until_delivered(KEY="one")
        await secrets.server.request("DELETE", path)
        await secrets.until_delivered(KEY="one")
        await secrets.until_settled(controller)
