"""What others do to an App's Namespace, copies and Deployments on the real API server, and how far krt goes along."""

from copy import deepcopy
from dataclasses import dataclass

import pytest
import trio

from tests.apiserver.apps import GROUP, an_app
from tests.controller.secrets_desk import SecretsDesk
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver

STAMPS = 3  # rollouts that krt makes for one delivery, if somebody takes its entries back


@dataclass
class TwoEnvironments(SecretsDesk):
    """The App has two environments, and both name the Deployment; `current` is the one that the tests look at."""

    current: str = ""

    @property
    def environment(self) -> str:
        return self.current or self.namespace

    async def link(self, *deployments: str, reload: str = "auto", **spec: object) -> None:
        linked = {f"{self.namespace}-{name}": (list(deployments), reload) for name in ("a", "b")}
        await self.server.apply(an_app(self.app, linked, **spec))


async def test_c3_the_copies_of_another_environment_stay_until_a_person_says_move(secrets: SecretsDesk) -> None:
    """The label of the Namespace becomes that of another environment: nothing is delivered before `--move`.

    The annotations are those of `krt secrets redeliver` (tests/delivery/test_app_sources.py).
    """
    desk = TwoEnvironments(secrets.server, secrets.namespace, current=f"{secrets.namespace}-a")
    await desk.associate()
    await desk.deploy()
    await desk.put(KEY="of a")
    await desk.link("web")
    async with desk.running() as controller:
        await desk.until_delivered(KEY="of a")
        desk.current = f"{secrets.namespace}-b"
        await desk.associate()
        await desk.until_condition("False", "OtherEnvironment", "krt secrets redeliver --move")
        await desk.put(KEY="of b")
        await desk.annotate_source(redeliver="t-1")
        await trio.sleep(2.5)
        await desk.until_settled(controller)
        assert await desk.is_delivered(KEY="of a")
        await desk.annotate_source(redeliver="t-2", move=desk.environment)
        await desk.until_delivered(KEY="of b")
        await desk.until_condition("True", "Delivered")


async def test_who_takes_krts_entries_back_again_and_again_is_named_and_makes_no_endless_rollouts(
    secrets: SecretsDesk,
) -> None:
    """A controller that writes the template it knows, whenever it differs. The next delivery tries again."""
    await secrets.deploy()
    await secrets.put(KEY="one")
    original = (await secrets.deployment())["spec"]
    await secrets.link("web")
    rollouts = 0
    async with secrets.running() as controller:

        async def fight() -> None:
            nonlocal rollouts
            while True:
                body = await secrets.deployment()
                if body["spec"]["template"] != original["template"]:
                    body["spec"] = deepcopy(original)
                    done = await secrets.server.client.put(secrets.path(), json=body, params={"fieldManager": "bully"})
                    rollouts += done.is_success
                await trio.sleep(0.05)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fight)
            await secrets.until_state("Fighting", f"has removed krt's entries from the pod template {STAMPS} times")
            await secrets.until_condition("False", "Incomplete", "let it keep them")
            await secrets.until_settled(controller)
            assert rollouts == STAMPS
            await trio.sleep(1.5)
            assert rollouts == STAMPS
            nursery.cancel_scope.cancel()
        await secrets.put(KEY="two")
        await secrets.until_delivered(KEY="two")
        await secrets.until_condition("True", "Delivered")


async def test_a_copy_goes_with_its_deployment_and_a_new_one_of_the_name_gets_its_own(secrets: SecretsDesk) -> None:
    """By Kubernetes' garbage collector; the new Deployment is there before it has collected."""
    await secrets.deploy()
    await secrets.put(KEY="one")
    await secrets.link("web")
    async with secrets.running() as controller:
        await secrets.until_delivered(KEY="one")
        await secrets.until_settled(controller)
        await secrets.server.request("DELETE", secrets.path())

        async def is_gone() -> bool:
            answer = await secrets.server.client.get(secrets.path())
            return answer.status_code == 404

        await until_on_wall_clock(is_gone)
        await secrets.deploy()
        await secrets.until_delivered(KEY="one")
        await trio.sleep(1.0)
        await secrets.until_delivered(KEY="one")
        copy = await secrets.copy()
        assert copy is not None
        assert copy["metadata"]["ownerReferences"][0]["uid"] == (await secrets.deployment())["metadata"]["uid"]
        await secrets.server.request("DELETE", secrets.path())

        async def is_collected() -> bool:
            return await secrets.copy() is None

        await until_on_wall_clock(is_collected)
        await secrets.until_state("Missing", "there is no Deployment web")


async def test_what_is_unlinked_stays_until_it_is_told_to_detach_and_a_deleted_app_leaves_everything(
    secrets: SecretsDesk,
) -> None:
    for name in ("web", "other"):
        await secrets.deploy(name)
    await secrets.put(KEY="one")
    await secrets.link("web", "other")
    async with secrets.running() as controller:
        await secrets.until_delivered("web", KEY="one")
        await secrets.until_delivered("other", KEY="one")
        await secrets.link("other")
        await secrets.put(KEY="two")
        await secrets.until_delivered("other", KEY="two")
        await secrets.until_settled(controller)
        assert await secrets.is_delivered("web", KEY="one")
        await secrets.mode("ignore-and-detach")

        async def is_detached() -> bool:
            return await secrets.copy() is None and "envFrom" not in str(await secrets.template())

        await until_on_wall_clock(is_detached)
        await secrets.server.request("DELETE", f"{GROUP}/apps/{secrets.app}")
        await secrets.put(KEY="three")
        await trio.sleep(2.5)
        assert await secrets.is_delivered("other", KEY="two")
