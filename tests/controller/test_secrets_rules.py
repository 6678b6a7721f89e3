"""C1 to C23 of App secrets on the real API server: the rules row by row, with both strategies and both reloads.

Each test runs one controller; its four Namespaces have a pair of strategy and reload each. C24 is in
tests/delivery/test_app_sources.py, and the readers of values in tests/core/app_secrets.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
import trio

from krt.controller.app_secrets.secrets_controller import SecretsController
from krt.core.app_secrets.names import copy_name, volume_name
from tests.apiserver.apps import an_app
from tests.apiserver.objects import a_deployment, a_stateful_set
from tests.apiserver.server import ApiServer
from tests.controller.secrets_desk import SecretsDesk
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver

PATH = "/run/app"
SPECS: dict[str, dict[str, str]] = {"env": {"strategy": "env"}, "volume": {"strategy": "volume", "mountPath": PATH}}
OTHER = {"env": "volume", "volume": "env", "auto": "manual", "manual": "auto"}
OWN_POD = {
    "containers": [
        {
            "name": "main",
            "image": "ghcr.io/acme/shop:dev",
            "env": [{"name": "A", "value": "b"}],
            "envFrom": [{"configMapRef": {"name": "own"}}, {"secretRef": {"name": "own"}, "prefix": "P_"}],
            "volumeMounts": [{"name": "own", "mountPath": "/own"}],
        },
        {"name": "beside", "image": "ghcr.io/acme/shop:dev"},
    ],
    "initContainers": [{"name": "before", "image": "ghcr.io/acme/shop:dev"}],
    "volumes": [{"name": "own", "secret": {"secretName": "own"}}],
}


@dataclass
class Way(SecretsDesk):
    """One of the four Namespaces, and what its App says."""

    strategy: str = "env"
    reload: str = "auto"
    original: dict[str, Any] = field(default_factory=dict)
    controller: SecretsController | None = None

    @property
    def is_auto(self) -> bool:
        return self.reload == "auto"

    async def link_as(self, strategy: str, reload: str, *names: str) -> None:
        await self.link(*(names or ("web",)), reload=reload, **SPECS[strategy])

    async def settled(self) -> None:
        assert self.controller is not None
        await self.until_settled(self.controller)

    async def rollouts_of(self, change: Callable[[], Awaitable[None]], **values: str) -> int:
        """How many new pod templates the change makes, until these values are delivered and nothing is left to do."""
        before = await self.generation()
        await change()
        await self.until_delivered(**values)
        await self.settled()
        return await self.generation() - before

    async def entries(self, name: str = "web") -> tuple[list[list[Any]], list[Any], list[list[Any]]]:
        """Krt's entries: in `envFrom` and `volumeMounts` of each container, and in `volumes`."""
        spec = (await self.template(name))["spec"]
        containers = [*spec["containers"], *spec.get("initContainers", [])]
        copy, volume = copy_name(self.app, name), volume_name(self.app, name)
        return (
            [[e for e in c.get("envFrom", []) if e.get("secretRef", {}).get("name") == copy] for c in containers],
            [v for v in spec.get("volumes", []) if v["name"] == volume],
            [[m for m in c.get("volumeMounts", []) if m["name"] == volume] for c in containers],
        )

    async def is_attached(self, strategy: str, name: str = "web") -> bool:
        """Whether every container has the copy in the way of this strategy, and none in the other one's."""
        copy, volume = copy_name(self.app, name), volume_name(self.app, name)
        env = [{"secretRef": {"name": copy}}]
        mount = [{"name": volume, "mountPath": PATH, "readOnly": True}]
        volumes = [{"name": volume, "secret": {"secretName": copy, "defaultMode": 420}}]
        found = await self.entries(name)
        number = len(found[0])
        if strategy == "env":
            return found == ([env] * number, [], [[]] * number)
        return found == ([[]] * number, volumes, [mount] * number)

    async def read_original(self) -> None:
        self.original = await self.template()


@pytest.fixture
async def ways(apiserver: ApiServer, secrets: SecretsDesk) -> AsyncIterator[list[Way]]:
    """With the pods' own entries, a source, and nothing linked yet."""
    found = [
        Way(apiserver, await apiserver.create_namespace(), strategy=strategy, reload=reload)
        for strategy, reload in product(SPECS, ("auto", "manual"))
    ]
    for way in found:
        await way.associate()
        await way.deploy(pod=OWN_POD)
        await way.put(KEY="one")
        await way.read_original()
    yield found
    for way in found:
        await way.clear()
        await apiserver.delete_namespace(way.namespace)


async def each(ways: list[Way], step: Callable[[Way], Awaitable[None]]) -> None:
    """The step in all Namespaces at a time."""
    async with trio.open_nursery() as nursery:
        for way in ways:
            nursery.start_soon(step, way)


@asynccontextmanager
async def delivered(secrets: SecretsDesk, ways: list[Way]) -> AsyncIterator[SecretsController]:
    """A controller that has delivered everywhere and has nothing left to do."""
    async with secrets.running() as controller:

        async def first(way: Way) -> None:
            way.controller = controller
            rollouts = await way.rollouts_of(lambda: way.link_as(way.strategy, way.reload), KEY="one")
            assert rollouts == 1, way

        await each(ways, first)
        yield controller


async def test_c2_c7_c8_c9_c20_a_delivery_attaches_a_copy_for_each_deployment(
    secrets: SecretsDesk, ways: list[Way]
) -> None:
    """Whole volumes, never subPath; in every container; of the app's own entries none differs (C22)."""

    async def attached(way: Way) -> None:
        assert await way.is_attached(way.strategy), await way.template()
        copy = await way.copy()
        assert copy is not None
        assert copy["metadata"]["labels"] == {"krt/copy-of": way.app}
        assert copy["metadata"]["ownerReferences"][0]["uid"] == (await way.deployment())["metadata"]["uid"]
        [main, *_] = (await way.template())["spec"]["containers"]
        [own, *_] = way.original["spec"]["containers"]
        assert main["env"] == own["env"]
        assert main["envFrom"][:2] == own["envFrom"]
        assert main["volumeMounts"][:1] == own["volumeMounts"]
        assert bool(await way.stamp()) is way.is_auto

    async with delivered(secrets, ways):
        await each(ways, attached)


async def test_c10_c12_c21_c23_a_changed_value_is_one_rollout_under_auto_and_none_under_manual(
    secrets: SecretsDesk, ways: list[Way]
) -> None:
    """Also of a new key; and `kubectl rollout restart` makes pods of the same copy, without a write of krt's."""

    async def changed(way: Way) -> None:
        values = {"KEY": "two", "NEW": "key"}
        rollouts = await way.rollouts_of(lambda: way.put(**values), **values)
        assert rollouts == (1 if way.is_auto else 0), way
        assert await way.is_attached(way.strategy)

    async with delivered(secrets, ways):
        await each(ways, changed)
        manual = next(way for way in ways if not way.is_auto)
        before = len(secrets.writes)
        restarted = await secrets.server.kubectl("rollout", "restart", "deployment/web", "-n", manual.namespace)
        assert restarted.code == 0, restarted
        await trio.sleep(0.5)
        await manual.settled()
        assert await manual.is_attached(manual.strategy)
        assert await manual.values() == {"KEY": "two", "NEW": "key"}
        assert secrets.writes[before:] == []


async def test_c13_unchanged_values_are_never_written(secrets: SecretsDesk, ways: list[Way]) -> None:
    """The source made anew, by another name, edited beside its values; the Deployment scaled and labelled by others;
    the controller started anew."""

    async def unchanged(way: Way) -> None:
        sources = f"/api/v1/namespaces/{way.namespace}/secrets"
        await way.server.request("DELETE", f"{sources}/source")
        await way.put("another", KEY="one")
        await way.patch(f"{sources}/another", {"metadata": {"annotations": {"of": "others"}}})
        await way.patch(f"{way.path()}/scale", {"spec": {"replicas": 3}})
        await way.patch(way.path(), {"metadata": {"labels": {"of": "others"}}})
        for number in range(5):
            await way.patch(way.path(), {"spec": {"minReadySeconds": number + 1}})

    async with delivered(secrets, ways):
        copies = [await way.copy() for way in ways]
        before = len(secrets.writes)
        await each(ways, unchanged)
        await trio.sleep(2.5)
        await each(ways, lambda way: way.settled())
        found = [line for line in secrets.writes[before:] if "/status" not in line]
        assert found == []
        assert [await way.copy() for way in ways] == copies
    before = len(secrets.writes)
    async with secrets.running() as controller:
        for way in ways:
            await way.until_settled(controller)
        assert secrets.writes[before:] == []


async def test_c14_a_switch_waits_for_the_next_delivery_which_may_be_a_redelivery(
    secrets: SecretsDesk, ways: list[Way]
) -> None:
    """Strategy and reload become the opposite of all four pairs; the values stay."""

    async def switch(way: Way) -> None:
        before = await way.generation()
        copy = await way.copy()
        await way.link_as(OTHER[way.strategy], OTHER[way.reload])
        await trio.sleep(0.5)
        await way.settled()
        assert (await way.generation(), await way.copy()) == (before, copy)
        [found] = (await way.status())["deployments"]
        assert (found["strategy"], found["reload"]) == (way.strategy, way.reload)

    async def redeliver(way: Way) -> None:
        await way.annotate_source(redeliver="t-1")

        async def is_switched() -> bool:
            return await way.is_attached(OTHER[way.strategy])

        before = await way.generation()
        await until_on_wall_clock(is_switched)
        await way.settled()
        assert await way.generation() - before == 1
        assert bool(await way.stamp())  # of the new delivery, or the old one, which a switch to manual leaves
        [found] = (await way.status())["deployments"]
        assert (found["strategy"], found["reload"]) == (OTHER[way.strategy], OTHER[way.reload])
        assert found["mountPath"] == SPECS[OTHER[way.strategy]].get("mountPath", "")

    async def again(way: Way) -> None:
        await way.annotate_source(redeliver="t-2")
        before = await way.generation()

        async def is_answered() -> bool:
            copy = await way.copy()
            return copy is not None and copy["metadata"]["annotations"].get("krt/redelivered") == "t-2"

        await until_on_wall_clock(is_answered)
        await way.settled()
        assert await way.generation() == before

    async with delivered(secrets, ways):
        await each(ways, switch)
        await each(ways, redeliver)
        await each(ways, again)


async def test_c15_c16_c17_c18_c19_c22_the_annotation_row_by_row(secrets: SecretsDesk, ways: list[Way]) -> None:
    """`ignore`, an unknown word, `ignore-and-detach`, removed; a second Deployment of the App notices nothing."""

    async def second(way: Way) -> None:
        await way.deploy("other")
        await way.link_as(way.strategy, way.reload, "web", "other")
        await way.until_delivered("other", KEY="one")
        await way.settled()

    async def kept(way: Way, mode: str) -> None:
        before = (await way.copy(), await way.template())
        await way.mode(mode)
        await way.put(KEY=mode)
        await way.until_delivered("other", KEY=mode)
        await way.annotate_source(redeliver=f"t-{mode}")
        await way.until_state("Ignored", "unknown value" if mode == "Ignore" else "")
        await way.settled()
        assert (await way.copy(), await way.template()) == before
        await way.until_condition(*(("False", "Incomplete") if mode == "Ignore" else ("True", "Delivered")))

    async def ignored(way: Way) -> None:
        await kept(way, "ignore")

    async def unknown(way: Way) -> None:
        await kept(way, "Ignore")

    async def detached(way: Way) -> None:
        other = await way.copy("other"), await way.template("other")
        before = await way.generation()
        await way.mode("ignore-and-detach")
        await way.until_state("Detached")
        await way.settled()
        assert await way.copy() is None
        assert json.dumps(await way.template(), sort_keys=True) == json.dumps(way.original, sort_keys=True)
        assert await way.generation() - before == 2  # an annotation of a Deployment counts, too: that of the mode
        assert (await way.copy("other"), await way.template("other")) == other

    async def returned(way: Way) -> None:
        await way.mode(None)
        await way.until_delivered(KEY="Ignore")
        assert await way.is_attached(way.strategy)
        await way.until_condition("True", "Delivered")

    async with delivered(secrets, ways):
        for row in (second, ignored, unknown, detached, returned):
            await each(ways, row)


async def test_c3_c4_an_environment_is_one_namespace_and_deployments_elsewhere_get_nothing(
    secrets: SecretsDesk, ways: list[Way]
) -> None:
    """A second Namespace with the label stops deliveries and changes nothing; so does taking the label away."""
    way, elsewhere = ways[0], ways[1]

    async def unchanged_after(value: str, reason: str, said: str) -> None:
        before = await way.copy(), await way.template()
        await way.put(KEY=value)
        await way.until_condition("False", reason, said)
        await trio.sleep(2.5)
        assert (await way.copy(), await way.template()) == before

    async with delivered(secrets, ways[:1]):
        elsewhere.controller = way.controller
        await elsewhere.associate(way.environment)
        await unchanged_after("ambiguous", "Ambiguous", "2 Namespaces have the label")
        await elsewhere.associate(None)
        await way.until_delivered(KEY="ambiguous")
        await way.associate(None)
        await unchanged_after("unlabelled", "NoNamespace", "no Namespace has the label")
        await way.associate()
        await way.until_delivered(KEY="unlabelled")
        assert await elsewhere.copy() is None
        assert await elsewhere.template() == elsewhere.original


async def test_c5_c6_the_strategy_is_the_apps_and_the_reload_is_the_environments(
    secrets: SecretsDesk, ways: list[Way]
) -> None:
    """One App in two environments; each has values of its own."""
    first, second = ways[0], ways[1]
    linked = {first.environment: (["web"], "auto"), second.environment: (["web"], "manual")}
    app = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "for-first", "namespace": second.namespace}}
    app["metadata"]["labels"] = {"krt/app": first.app}  # type: ignore[index]
    await secrets.server.apply(app | {"stringData": {"KEY": "of the second"}})
    await secrets.server.apply(an_app(first.app, linked, **SPECS["volume"]))
    async with secrets.running() as controller:
        first.controller = controller
        await first.until_delivered(KEY="one")

        async def is_delivered() -> bool:
            return (await first.status()).get("delivered") == "2/2"

        await until_on_wall_clock(is_delivered)
        found = {each["environment"]: each for each in (await first.status())["deployments"]}
        assert {each["strategy"] for each in found.values()} == {"volume"}
        assert [found[name]["reload"] for name in linked] == ["auto", "manual"]
        assert found[second.environment]["digest"] != found[first.environment]["digest"]
        copy = f"/api/v1/namespaces/{second.namespace}/secrets/{copy_name(first.app, 'web')}"
        assert (await secrets.server.request("GET", copy))["data"] == {"KEY": "b2YgdGhlIHNlY29uZA=="}


async def test_c11_a_name_that_is_no_deployments_is_told_and_starts_when_there_is_one(
    secrets: SecretsDesk, ways: list[Way]
) -> None:
    way = ways[0]
    await secrets.server.apply(a_stateful_set("db", namespace=way.namespace))
    await way.link_as("env", "auto", "web", "db", "late")
    async with secrets.running() as controller:
        way.controller = controller
        await way.until_state("NotADeployment", "db is a StatefulSet", "db")
        await way.until_state("Missing", "there is no Deployment late", "late")
        await way.until_condition("False", "Incomplete", "db is a StatefulSet")
        await way.until_delivered(KEY="one")
        await way.server.apply(a_deployment("late", namespace=way.namespace))
        await way.until_delivered("late", KEY="one")


async def test_c1_the_source_is_never_written_and_can_be_wired_by_hand(secrets: SecretsDesk, ways: list[Way]) -> None:
    """Operator mode: the Secret is there under its own name, and an App that names no Deployment delivers nothing."""
    way = ways[0]
    path = f"/api/v1/namespaces/{way.namespace}/secrets/source"
    before = await way.server.request("GET", path)
    async with delivered(secrets, ways[:1]):
        assert await way.server.request("GET", path) == before
        await way.link()

        async def is_told() -> bool:
            return (await way.status()).get("delivered") == "0/0"

        await until_on_wall_clock(is_told)
        assert await way.is_attached("env")
