"""App secrets on the real API server: what is delivered when, how many rollouts that makes, and what is not written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from krt.controller.app_secrets.secrets_controller import SecretsController
from tests.controller.secrets_desk import SecretsDesk

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
