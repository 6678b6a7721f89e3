"""The policy that attaches app secrets, on the real API server without any krt: it adds what the agent would add."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from krt.core.app_secrets.app import Reload, Strategy
from krt.core.app_secrets.attach import NotAttachable, attach
from krt.core.app_secrets.entries import Entries
from krt.core.app_secrets.names import MODE
from krt.core.app_secrets.secrets import Effect
from tests.apiserver.objects import Object, a_deployment
from tests.apiserver.server import ApiServer
from tests.deploy.app_secrets import (
    agent_kubeconfig,
    an_effect,
    an_entry,
    attaching_policy,
    dry_run,
    label_environment,
    patched,
    put_app,
    remove_apps,
    until_attached,
)
from tests.fakes.polling import until_on_wall_clock

pytestmark = pytest.mark.apiserver

OWN = {"secretRef": {"name": "own"}}
FILES = "/etc/secrets"
EFFECTS = {"env": an_effect(), "volume": an_effect(Strategy.VOLUME, FILES)}


@pytest.fixture
async def policy(apiserver: ApiServer, namespace: str) -> AsyncIterator[str]:
    await label_environment(apiserver, namespace)
    async with attaching_policy(apiserver):
        yield namespace
    await remove_apps(apiserver)


def containers(*more: Object, **first: Any) -> Object:
    return {"containers": [{"name": "main", "image": "a", **first}, *more]}


def shapes(app: str, strategy: str) -> dict[str, Object]:
    """Pods' specs, annotations and metadata by the name of the Deployment."""
    taken = Entries(app, "volume-taken").volume
    stamp = {
        "metadata": {"labels": {"app": "stamped"}, "annotations": {"krt/secrets." + app: "sha256:older", "a": "b"}}
    }
    pods: dict[str, Object] = {
        "plain": {},
        "env-null": {"pod": containers(env=None, envFrom=None)},
        "env-empty": {"pod": containers(env=[], envFrom=[])},
        "own-env": {"pod": containers(env=[{"name": "A", "value": "b"}])},
        "own-env-from": {"pod": containers(envFrom=[OWN, {"prefix": "X_", "configMapRef": {"name": "own"}}])},
        "attached-by-hand": by_hand(Entries(app, "attached-by-hand"), strategy),
        "prefixed": {"pod": containers(envFrom=[{"prefix": "P_", "secretRef": {"name": "own"}}])},
        "two-containers": {"pod": containers({"name": "b", "image": "b", "envFrom": [OWN]})},
        "many-containers": {"pod": containers(*({"name": f"c{number}", "image": "b"} for number in range(40)))},
        "init-container": {"pod": {**containers(), "initContainers": [{"name": "i", "image": "i"}]}},
        "init-containers": {
            "pod": {
                **containers(envFrom=[OWN]),
                "initContainers": [
                    {"name": "i", "image": "i", "envFrom": [OWN]},
                    {"name": "sidecar", "image": "i", "restartPolicy": "Always"},
                ],
            }
        },
        "own-volume": {
            "pod": {
                **containers(volumeMounts=[{"name": "own", "mountPath": "/own"}]),
                "volumes": [{"name": "own", "emptyDir": {}}],
            }
        },
        "volume-unmounted": {"pod": {**containers(), "volumes": [{"name": "own", "emptyDir": {}}]}},
        "volume-taken": {"pod": {**containers(), "volumes": [{"name": taken, "emptyDir": {}}]}},
        "path-taken": {
            "pod": {
                **containers(volumeMounts=[{"name": "own", "mountPath": FILES}]),
                "volumes": [{"name": "own", "emptyDir": {}}],
            }
        },
        "path-taken-with-slash": {
            "pod": {
                **containers({"name": "b", "image": "b", "volumeMounts": [{"name": "own", "mountPath": f"{FILES}/"}]}),
                "volumes": [{"name": "own", "emptyDir": {}}],
            }
        },
        "path-within": {
            "pod": {
                **containers(volumeMounts=[{"name": "own", "mountPath": f"{FILES}/own"}]),
                "volumes": [{"name": "own", "secret": {"secretName": "own"}}],
            }
        },
        "projected": {
            "pod": {
                **containers(volumeMounts=[{"name": "own", "mountPath": "/own", "subPath": "a"}]),
                "volumes": [{"name": "own", "projected": {"sources": [{"secret": {"name": "own"}}]}}],
            }
        },
        "mebibyte": {"pod": containers(env=[{"name": "A", "value": "b" * 1024 * 1024}])},
        "stamped": {"template": stamp},
        "zero-replicas": {"replicas": 0},
        "paused": {"paused": True},
        "recreate": {"strategy": {"type": "Recreate"}},
        "annotated": {"annotations": {"a": "b", "krt/restart": "disabled"}},
        "odd.name-" + "x" * 53: {},
        "host-network": {"pod": {**containers(ports=[{"containerPort": 80}]), "hostNetwork": True}},
        "probes": {
            "pod": containers(livenessProbe={"httpGet": {"path": "/", "port": 80}}, resources={"limits": {"cpu": "1"}})
        },
        "ephemeral-storage": {
            "pod": {**containers(), "securityContext": {"runAsNonRoot": True}, "nodeSelector": {"a": "b"}}
        },
        "from-helm": {"annotations": {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "shop"}},
        "owned": {},
    }
    return pods


def by_hand(entries: Entries, strategy: str) -> Object:
    """A Deployment to which somebody has attached the copy already, in front of the Deployment's own."""
    if strategy == Strategy.ENV:
        return {"pod": containers(envFrom=[{"secretRef": {"name": entries.copy}}, OWN])}
    mounts = [{"name": entries.volume, "mountPath": FILES, "readOnly": True}, {"name": "own", "mountPath": "/own"}]
    volumes = [{"name": entries.volume, "secret": {"secretName": entries.copy}}, {"name": "own", "emptyDir": {}}]
    return {"pod": {**containers(volumeMounts=mounts), "volumes": volumes}}


def a_shape(name: str, namespace: str, *, template: Object | None = None, **more: Any) -> Object:
    body = a_deployment(name, namespace=namespace, **more)
    if template:
        body["spec"]["template"] |= template
    if name == "owned":
        owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "name": "shop", "uid": "1"}
        body["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    return body


def expected(plain: Object, app: str, effect: Effect) -> Object:
    """The template that the agent would make of the Deployment."""
    try:
        operations: Any = attach(plain, Entries(app, plain["metadata"]["name"]), effect)
    except NotAttachable:
        operations = []
    found: Object = patched(plain, operations[1:])["spec"]["template"]
    return found


def bare(template: Object) -> Object:
    """Without the default that the API server adds to a volume's Secret."""
    template = json.loads(json.dumps(template))
    for volume in template["spec"].get("volumes", ()):
        volume.get("secret", {}).pop("defaultMode", None)
    return template


@pytest.mark.parametrize("strategy", sorted(EFFECTS))
async def test_thirty_shapes_get_what_the_agent_would_attach(strategy: str, apiserver: ApiServer, policy: str) -> None:
    app, effect, elsewhere = f"shapes-{strategy}", EFFECTS[strategy], await apiserver.create_namespace()
    all_shapes = shapes(app, strategy)
    assert len(all_shapes) >= 30
    await put_app(apiserver, app, effect, [an_entry(app, policy, name, effect) for name in (*all_shapes, "probe")])
    await until_attached(apiserver, policy, app)
    attached = 0
    for name, shape in all_shapes.items():
        got = await dry_run(apiserver, a_shape(name, policy, **shape))
        plain = await dry_run(apiserver, a_shape(name, elsewhere, **shape))
        assert bare(got["spec"]["template"]) == bare(expected(plain, app, effect)), name
        attached += got["spec"]["template"] != plain["spec"]["template"]
    assert attached == len(all_shapes) - (3 if strategy == "volume" else 0)
    await apiserver.delete_namespace(elsewhere)


async def test_a_hundred_deployments_created_at_once_have_one_replica_set_each(
    apiserver: ApiServer, policy: str
) -> None:
    """No pod template is without the secret. The App names 1,000 Deployments, the most that its kind takes."""
    names, others = ([f"{name}-{number}" for number in range(most)] for name, most in (("web", 100), ("other", 899)))
    effect = EFFECTS["env"]
    await put_app(
        apiserver, "many", effect, [an_entry("many", policy, name, effect) for name in (*others, *names, "probe")]
    )
    await until_attached(apiserver, policy, "many")
    path = f"/apis/apps/v1/namespaces/{policy}"
    async with trio.open_nursery() as nursery:
        for name in names:
            body = a_deployment(name, namespace=policy, replicas=0)
            nursery.start_soon(apiserver.request, "POST", f"{path}/deployments", body)

    async def all_are_made() -> bool:
        return len((await apiserver.request("GET", f"{path}/replicasets"))["items"]) >= len(names)

    await until_on_wall_clock(all_are_made)
    made = (await apiserver.request("GET", f"{path}/replicasets"))["items"]
    owners = [each["metadata"]["ownerReferences"][0]["name"] for each in made]
    assert sorted(owners) == sorted(names)
    for owner, each in zip(owners, made, strict=True):
        [container] = each["spec"]["template"]["spec"]["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": Entries("many", owner).copy}}]
        assert each["spec"]["template"]["metadata"]["annotations"] == {"krt/secrets.many": "sha256:0a"}


def is_attached(body: Object, app: str) -> bool:
    return Entries(app, body["metadata"]["name"]).copy in json.dumps(body["spec"])


async def test_who_is_not_linked_or_has_a_mode_is_left_alone(apiserver: ApiServer, policy: str) -> None:
    """C15, C16, C18, C19 in the write itself; and a Deployment without a name, or of another environment."""
    effect, elsewhere = EFFECTS["env"], await apiserver.create_namespace()
    names = ("web", "worker", "probe")
    entries = [an_entry("left", policy, name, effect) for name in names]
    entries[1]["attach"] = False
    entries.append({**an_entry("left", elsewhere, "web", effect), "environment": "staging"})
    await put_app(apiserver, "left", effect, entries)
    await until_attached(apiserver, policy, "left")
    assert is_attached(await dry_run(apiserver, a_deployment("web", namespace=policy)), "left")
    for mode in ("ignore", "ignore-and-detach", "Ignore", ""):
        body = a_deployment("web", namespace=policy, annotations={MODE: mode})
        assert not is_attached(await dry_run(apiserver, body), "left"), mode
    for name in ("worker", "unlinked"):
        assert not is_attached(await dry_run(apiserver, a_deployment(name, namespace=policy)), "left")
    assert not is_attached(await dry_run(apiserver, a_deployment("web", namespace=elsewhere)), "left")
    nameless = a_deployment(namespace=policy)
    nameless["metadata"] = {"generateName": "web-", "namespace": policy}
    assert "krt-" not in json.dumps((await dry_run(apiserver, nameless))["spec"])
    await apiserver.delete_namespace(elsewhere)


async def test_a_write_that_loses_the_attachment_gets_it_back_in_the_same_write(
    apiserver: ApiServer, policy: str
) -> None:
    """`kubectl replace`, another manager's server-side apply, a removed mode, and two Apps with one Deployment."""
    env, volume = EFFECTS["env"], EFFECTS["volume"]
    await put_app(apiserver, "one", env, [an_entry("one", policy, name, env) for name in ("web", "probe")])
    await put_app(apiserver, "two", volume, [an_entry("two", policy, name, volume) for name in ("web", "probe")])
    await until_attached(apiserver, policy, "one")
    await until_attached(apiserver, policy, "two")
    own = a_deployment("web", namespace=policy, replicas=0, pod=containers(envFrom=[OWN]))
    [made] = await apiserver.apply(own)
    template = made["spec"]["template"]
    assert is_attached(made, "one")
    assert is_attached(made, "two")

    async def changes_nothing() -> bool:  # once the Deployment's controller has written its status
        versions = [each["metadata"]["resourceVersion"] for each in await apiserver.apply(own, own)]
        return versions[0] == versions[1]

    await until_on_wall_clock(changes_nothing)
    path = f"/apis/apps/v1/namespaces/{policy}/deployments/web"
    replaced = await apiserver.request("PUT", path, own)
    assert replaced["spec"]["template"] == template
    off = await apiserver.request(
        "PUT", path, {**own, "metadata": {**own["metadata"], "annotations": {MODE: "ignore"}}}
    )
    assert not is_attached(off, "one")
    assert (await apiserver.request("PUT", path, own))["spec"]["template"] == template


async def test_a_stamp_that_stands_in_the_template_is_never_changed(apiserver: ApiServer, policy: str) -> None:
    """Or a status that is a moment old would undo the agent's newer one."""
    effect, manual = EFFECTS["env"], an_effect(reload=Reload.MANUAL)
    entries = [an_entry("stamps", policy, name, effect) for name in ("web", "probe")]
    await put_app(apiserver, "stamps", effect, [*entries, an_entry("stamps", policy, "manual", manual)])
    await until_attached(apiserver, policy, "stamps")
    plain = a_deployment("web", namespace=policy, replicas=0)
    newer = {"annotations": {"krt/secrets.stamps": "sha256:newer"}, "labels": {"app": "web"}}
    path = f"/apis/apps/v1/namespaces/{policy}/deployments"
    await apiserver.request("POST", path, plain)
    bodies = [{**plain, "spec": {**plain["spec"], "template": {**plain["spec"]["template"], "metadata": newer}}}, plain]
    for body in bodies:
        got = await apiserver.request("PUT", f"{path}/web", body)
        assert got["spec"]["template"]["metadata"]["annotations"] == newer["annotations"]
    got = await dry_run(apiserver, a_deployment("manual", namespace=policy))
    assert is_attached(got, "stamps")
    assert "annotations" not in got["spec"]["template"]["metadata"]


@pytest.mark.parametrize(("before", "now"), [("env", "volume"), ("volume", "env")])
async def test_a_template_that_has_the_copy_in_the_other_way_gets_it_in_no_second_one(
    before: str, now: str, apiserver: ApiServer, policy: str
) -> None:
    """krt controller has just switched the strategy, the status is a moment old, and somebody else writes.

    Seen to fail without the second line of `isEnv`, and without the second line of `isVolume`.
    """
    app = f"switched-to-{now}"
    entries = [an_entry(app, policy, name, EFFECTS[before]) for name in ("web", "probe")]
    await put_app(apiserver, app, EFFECTS[before], entries)
    await until_attached(apiserver, policy, app)
    body = a_deployment("web", namespace=policy)
    switched = patched(body, attach(body, Entries(app, "web"), EFFECTS[now])[1:])
    got = await dry_run(apiserver, switched)
    assert json.dumps(got["spec"]).count(Entries(app, "web").copy) == 1


async def test_the_controllers_own_patch_is_left_alone(apiserver: ApiServer, policy: str) -> None:
    """It detaches the other strategy while the status still has that one."""
    effect = EFFECTS["env"]
    await put_app(apiserver, "own", effect, [an_entry("own", policy, name, effect) for name in ("web", "probe")])
    await until_attached(apiserver, policy, "own")
    [web] = await apiserver.apply(a_deployment("web", namespace=policy, replicas=0))
    assert is_attached(web, "own")
    detach = [{"op": "remove", "path": "/spec/template/spec/containers/0/envFrom"}]
    words = ("patch", "deployment", "web", "-n", policy, "--type=json", "-p", json.dumps(detach))
    async with agent_kubeconfig(apiserver) as kubeconfig:
        done = await apiserver.kubectl(*words, kubeconfig=kubeconfig)
    assert done.code == 0, done.err
    assert not is_attached(await apiserver.get("Deployment", policy, "web"), "own")
