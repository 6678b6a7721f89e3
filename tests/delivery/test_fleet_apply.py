"""krt bundle apply, delete and status as a person runs them: two real API servers, four clusters in two groups."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.apiserver.control_plane import ControlPlane, started_control_plane
from tests.apiserver.kubelet import open_kubelet
from tests.apiserver.pods import Ready
from tests.apiserver.server import ApiServer, open_apiserver
from tests.cuelang.modules import TWO_STEPS, image_of
from tests.delivery.fleets import CLUSTER, Fleet, push_modules
from tests.fakes.faults import Answer
from tests.fakes.https_proxy import HttpsProxy, open_https_proxy
from tests.fakes.polling import until_on_wall_clock
from tests.registry.server import RegistryServer
from tests.sources.pulling import pushed

pytestmark = pytest.mark.apiserver
CLUSTERS = {name: context for name, (_, context) in CLUSTER.items()}


@pytest.fixture(scope="module")
def second_plane() -> Iterator[ControlPlane]:
    with started_control_plane() as processes:
        yield processes


@pytest.fixture(scope="module")
def modules(registry: RegistryServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    return push_modules(registry, tmp_path_factory.mktemp("modules"))


@pytest.fixture
async def fleet(apiserver: ApiServer, second_plane: ControlPlane, modules: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(open_apiserver(second_plane, tmp_path))
        servers, proxies = {"one": apiserver, "two": second}, dict[str, HttpsProxy]()
        for name, server in servers.items():
            (tmp_path / name).mkdir()
            context = server.control_plane.ssl_context
            opened = open_https_proxy(server.url, context, tmp_path / name)
            proxies[name] = await stack.enter_async_context(opened)
        fleet = Fleet(servers, proxies, modules, tmp_path)
        yield fleet
        for name, context in (*CLUSTERS.items(), ("alone", "one")):
            await servers[context].client.delete(f"/api/v1/namespaces/{fleet.namespace(name)}")


async def test_each_cluster_in_order_gets_each_instance_in_order(fleet: Fleet) -> None:
    fleet.write(fleet.instance("zz", "config:1"), fleet.instance("aa", "note:1"))
    done = await fleet.run("apply")
    assert done.code == 0, done
    heads = [line for line in done.err.splitlines() if line.startswith(("applying", "resources"))]
    instances = ["applying instance zz", "resources are ready", "applying instance aa", "resources are ready"]
    assert heads == [
        line for name in CLUSTERS for line in (f"applying bundle {fleet.name} to {fleet.title(name)}", *instances)
    ]
    assert done.out.startswith(f"bundle {fleet.name} on zeta, alpha, prod-2, prod-1: ")
    for name, context in CLUSTERS.items():
        place = fleet.namespace(name)
        assert (await fleet.servers[context].get("ConfigMap", place, "app", "v1"))["data"] == {"flag": "one"}
        assert (await fleet.servers[context].get("ConfigMap", place, "note", "v1"))["data"] == {"flag": "note"}


async def test_the_lines_of_one_cluster_are_the_documents(fleet: Fleet) -> None:
    fleet.write(fleet.instance("app", "config:1"))
    place = fleet.namespace("alone")
    done = await fleet.run("apply", runtime=False)
    assert done.code == 0, done
    assert done.err.splitlines() == [
        f"applying bundle {fleet.name} to context one, server {fleet.proxies['one'].url}",
        "applying instance app",
        f"pulling oci://{fleet.base}/config",
        f"using module {fleet.base}/config version 1",
        f"installing app in namespace {place}",
        f"ConfigMap/{place}/app created",
        f"Secret/{place}/auth created",
        "waiting for 2 resource(s) to become ready...",
        "resources are ready",
    ]
    assert done.out == f"bundle {fleet.name}: 2 created\n"


async def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    fleet.write(fleet.instance("app", "config:1"))
    assert (await fleet.run("apply", runtime=False)).code == 0
    before = await fleet.versions("one", fleet.namespace("alone"))
    assert len(before) == 3, before
    again = await fleet.run("apply", runtime=False)
    assert f"upgrading app in namespace {fleet.namespace('alone')}" in again.err
    assert again.out == f"bundle {fleet.name}: 2 unchanged\n"
    assert await fleet.versions("one", fleet.namespace("alone")) == before


async def test_a_failure_in_staging_leaves_production_unwritten(fleet: Fleet) -> None:
    """The Deployment of staging passes its progress deadline. Seen to fail with a run that goes on after it."""
    fleet.write(fleet.instance("app", "web:late"), fleet.instance("next", "config:1"))
    done = await fleet.run("apply")
    assert done.code == 1, done
    first, left = done.err.splitlines()[-2:]
    assert first.startswith(
        "krt bundle: cluster zeta, group staging, context one: instance app: "
        f"Deployment/{fleet.namespace('zeta')}/web: "
    ), done.err
    assert left == (
        "krt bundle: not reached: cluster zeta, group staging, context one: instance next; "
        "cluster alpha, group staging, context two: instances app, next; "
        "cluster prod-2, group production, context two: instances app, next; "
        "cluster prod-1, group production, context one: instances app, next"
    )
    assert fleet.writes("two") == []
    assert fleet.writes_in("zeta")
    assert fleet.writes_in("prod-1") == []


async def test_a_cluster_is_ready_before_the_next_one_is_written(fleet: Fleet) -> None:
    """Seen to fail with an apply that does not wait."""
    replicas = 'if _env == "staging" {instances: app: module: version: "1"}\n'
    replicas += 'if _env == "production" {instances: app: module: version: "2"}\n'
    env = "_env: string @timoni(runtime:string:TIMONI_CLUSTER_GROUP)\n"
    fleet.write(fleet.instance("app", "web"), more=env + replicas)
    async with open_kubelet(fleet.servers["one"].client, fleet.namespace("zeta")) as kubelet:
        kubelet.decide(Ready(after_seconds=3600))
        async with fleet.running("apply", "--runtime-cluster", "*") as running:
            await until_on_wall_clock(lambda: _has_pods(fleet, "one", "zeta"))
            assert fleet.writes("two") == []
            kubelet.decide(Ready())
            await until_on_wall_clock(lambda: _has_pods(fleet, "two", "alpha"))
            assert running.err.count("resources are ready") == 1
            async with open_kubelet(fleet.servers["two"].client), open_kubelet(fleet.servers["one"].client):
                assert await running.ended() == 0, running.err
    for name, context in CLUSTERS.items():
        deployment = await fleet.servers[context].get("Deployment", fleet.namespace(name), "web")
        assert deployment["spec"]["replicas"] == (1 if CLUSTER[name][0] == "staging" else 2)


async def _has_pods(fleet: Fleet, context: str, cluster: str) -> bool:
    listed = await fleet.servers[context].request("GET", f"/api/v1/namespaces/{fleet.namespace(cluster)}/pods")
    return bool(listed["items"])


async def test_a_filter_selects_clusters(fleet: Fleet) -> None:
    fleet.write(fleet.instance("app", "config:1"))
    done = await fleet.run("apply", "--runtime-group", "PRODUCTION", "--runtime-cluster", "prod-1")
    assert done.code == 0, done
    assert fleet.writes("two") == []
    assert fleet.writes_in("zeta") == []
    assert fleet.writes_in("prod-1")
    none = await fleet.run("apply", "--runtime-group", "test")
    assert (none.code, none.err) == (2, "krt bundle: no cluster found\n")


@pytest.mark.parametrize("wrong", ["context", "value", "module", "incomplete"])
async def test_bad_input_for_the_last_cluster_is_met_before_any_write(fleet: Fleet, wrong: str) -> None:
    """Seen to fail with a look at the first cluster only."""
    query = '{query: "k8s:v1:Namespace:%s", for: N: "obj.metadata.name"}'
    await fleet.servers["two"].request("POST", "/api/v1/namespaces", {"metadata": {"name": fleet.namespace("alpha")}})
    context = "nope" if wrong == "context" else "one"
    order = ("two", "two", "two", context)
    clusters = "".join(f'clusters: c{at}: {{group: "g", kubeContext: "{each}"}}\n' for at, each in enumerate(order))
    module = "config:9" if wrong == "module" else "config:1"
    more = "_x: string @timoni(runtime:string:NOPE)\nnote: _x\n" if wrong == "incomplete" else ""
    values = query % fleet.namespace("alpha") if wrong == "value" else ""
    fleet.write(fleet.instance("app", module), values=values, clusters=clusters, more=more)
    done = await fleet.run("apply", "-o", "json")
    said = {
        "context": "it has no context 'nope'",
        "value": f"cluster c3, group g, context one: query error for Namespace/{fleet.namespace('alpha')}: 404",
        "module": "(status 404)",
        "incomplete": "incomplete value",
    }
    assert done.code == 2, done
    document = json.loads(done.out)
    assert said[wrong] in document["problems"][-1], document
    assert (document["status"], document["clusters"]) == ("error", [])
    assert fleet.writes() == []


async def test_values_are_those_of_the_cluster_that_is_applied_to(fleet: Fleet) -> None:
    for context, namespace in (("one", "here"), ("two", "there")):
        metadata = {"name": fleet.name, "namespace": "default"}
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"place": namespace}}
        await fleet.servers[context].apply(config)
    values = f'{{query: "k8s:v1:ConfigMap:default:{fleet.name}", for: PLACE: "obj.data.place"}}'
    where = "_place: string @timoni(runtime:string:PLACE)\n"
    fleet.write(fleet.instance("app", "config:1", f"{fleet.name}-\\(_cluster)-\\(_place)"), values=values, more=where)
    done = await fleet.run("apply", "-o", "json", "--runtime-group", "staging")
    assert done.code == 0, done
    found = {each["name"]: each["instances"][0]["namespace"] for each in json.loads(done.out)["clusters"]}
    assert found == {"zeta": f"{fleet.name}-zeta-here", "alpha": f"{fleet.name}-alpha-there"}
    for context, name in (("one", found["zeta"]), ("two", found["alpha"])):
        assert (await fleet.servers[context].get("ConfigMap", name, "app", "v1"))["data"] == {"flag": "one"}
        await fleet.servers[context].client.delete(f"/api/v1/namespaces/{name}")


async def test_an_instance_of_another_bundle_is_not_written(fleet: Fleet) -> None:
    """Ownership of all instances is looked at first: instance `new` is not written either."""
    fleet.write(fleet.instance("app", "config:1"))
    assert (await fleet.run("apply", runtime=False)).code == 0
    bundle = fleet.folder / "bundle.cue"
    fleet.write(fleet.instance("new", "note:1"), fleet.instance("app", "config:2"))
    bundle.write_text(bundle.read_text().replace(f'name: "{fleet.name}"', 'name: "other"'))
    done = await fleet.run("apply", runtime=False)
    assert done.code == 2, done
    assert done.err == (
        f'krt bundle: instance "app" exists and is managed by another bundle "{fleet.name}". '
        'Apply with "--overwrite-ownership" to gain instance ownership.\n'
    )
    assert fleet.writes() == []
    assert (await fleet.run("delete", runtime=False)).code == 2
    taken = await fleet.run("apply", "--overwrite-ownership", runtime=False)
    assert taken.code == 0, taken
    assert f"ConfigMap/{fleet.namespace('alone')}/app configured" in taken.err
    assert (await fleet.run("delete", runtime=False)).code == 0


async def test_a_new_version_prunes(fleet: Fleet) -> None:
    fleet.write(fleet.instance("app", "config:1"))
    assert (await fleet.run("apply", runtime=False)).code == 0
    fleet.write(fleet.instance("app", "config:3"))
    done = await fleet.run("apply", runtime=False)
    place = fleet.namespace("alone")
    assert [line for line in done.err.splitlines() if place in line][1:] == [
        f"ConfigMap/{place}/app configured",
        f"Secret/{place}/auth deleted",
    ]


async def test_dry_run_and_diff_write_nothing_and_mask_secrets(fleet: Fleet) -> None:
    """Seen to fail with a Secret's data in the diff."""
    fleet.write(fleet.instance("app", "config:1"))
    dry = await fleet.run("apply", "--dry-run", runtime=False)
    assert (dry.code, fleet.writes()) == (0, []), dry
    assert f"ConfigMap/{fleet.namespace('alone')}/app created (server dry run)" in dry.err
    assert dry.out == f"bundle {fleet.name}: 2 created (dry-run: nothing was written)\n"
    assert (await fleet.run("apply", runtime=False)).code == 0
    fleet.write(fleet.instance("app", "config:2"))
    diff = await fleet.run("apply", "--diff", runtime=False)
    assert (diff.code, fleet.writes()) == (0, []), diff
    assert "-  flag: one" in diff.err.replace('"', "")
    assert "+  flag: two" in diff.err.replace('"', "")
    assert "*** (before)" in diff.err
    for secret in ("hunter22", "aHVudGVyMjI", "correct-horse", "Y29ycmVjdC1ob3JzZQ"):
        assert secret not in diff.err + diff.out


async def test_delete_goes_backwards_and_a_second_one_finds_nothing(fleet: Fleet) -> None:
    fleet.write(fleet.instance("first", "config:1"), fleet.instance("second", "note:1"))
    assert (await fleet.run("apply", "--runtime-group", "staging")).code == 0
    done = await fleet.run("delete", "--runtime-group", "staging")
    assert done.code == 0, done
    zeta, alpha = fleet.namespace("zeta"), fleet.namespace("alpha")
    assert [line for line in done.err.splitlines() if line.endswith(("deleted", zeta, alpha))] == [
        f"deleting instance second in namespace {zeta}",
        f"ConfigMap/{zeta}/note deleted",
        f"deleting instance first in namespace {zeta}",
        f"ConfigMap/{zeta}/app deleted",
        f"Secret/{zeta}/auth deleted",
        f"deleting instance second in namespace {alpha}",
        f"ConfigMap/{alpha}/note deleted",
        f"deleting instance first in namespace {alpha}",
        f"ConfigMap/{alpha}/app deleted",
        f"Secret/{alpha}/auth deleted",
    ]
    assert await fleet.versions("one", zeta) == {}
    again = await fleet.run("delete", "--runtime-group", "staging")
    assert (again.code, again.out) == (0, f"bundle {fleet.name} on zeta, alpha: nothing to do\n")


async def test_a_definition_and_its_object_in_one_module(fleet: Fleet) -> None:
    fleet.write(fleet.instance("app", "widget:1"))
    done = await fleet.run("apply", runtime=False)
    assert done.code == 0, done
    assert (await fleet.servers["one"].get("Widget", fleet.namespace("alone"), "round", "fleet.example.io/v1"))["spec"]
    assert (await fleet.run("delete", runtime=False)).code == 0


async def test_in_a_job_of_github_each_instance_is_a_group_and_the_summary_has_a_row_for_each_object(
    fleet: Fleet,
) -> None:
    page = fleet.folder / "summary.md"
    fleet.write(fleet.instance("app", "config:1"))
    job = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)}
    done = await fleet.run("apply", "--runtime-group", "staging", **job)
    assert done.code == 0, done
    assert "::group::instance app on cluster zeta\n" in done.err
    assert done.err.count("::endgroup::") == 2
    assert page.read_text().count("created") == 5


async def test_status_says_of_each_object_how_it_is(fleet: Fleet) -> None:
    fleet.write(fleet.instance("app", "config:1"), fleet.instance("new", "note:1"))
    place, bundle = fleet.namespace("alone"), fleet.folder / "bundle.cue"
    whole = bundle.read_text()
    fleet.write(fleet.instance("app", "config:1"))
    assert (await fleet.run("apply", runtime=False)).code == 0
    assert (await fleet.run("status", runtime=False)).code == 0
    bundle.write_text(whole)
    await fleet.servers["one"].client.delete(f"/api/v1/namespaces/{place}/secrets/auth")
    status = await fleet.run("status", runtime=False)
    head, app, config, secret, new = status.out.splitlines()
    assert (status.code, head) == (1, f"context one, server {fleet.proxies['one'].url}")
    start = f"instance app in namespace {place}: bundle {fleet.name}, module oci://{fleet.base}/config@sha256:"
    assert app.startswith(start)
    assert (config, secret) == (f"ConfigMap/{place}/app Current", f"Secret/{place}/auth NotFound")
    assert new == f"instance new in namespace {place}: not installed"
    document = json.loads((await fleet.run("status", "-o", "json", runtime=False)).out)
    assert [each["current"] for each in document["clusters"][0]["instances"]] == [False, False]
    assert fleet.writes() == []


async def test_the_example_of_the_documentation(fleet: Fleet) -> None:
    page = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text()
    example = page[page.index("## An example with two clusters") : page.index("## Coming from Timoni")]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", example, re.DOTALL | re.MULTILINE)
    runtime, bundle, lines, _ = (fleet.adapted(text) for language, text in blocks if language in {"cue", ""})
    (fleet.folder / "runtime.cue").write_text(runtime)
    (fleet.folder / "bundle.cue").write_text(bundle)
    assert (await fleet.run("vet")).code == 0
    done = await fleet.run("apply")
    assert (done.code, done.err) == (0, lines)
    assert done.out == "bundle shop on staging-1, production-1: 2 created\n"
    assert (await fleet.run("apply")).out == "bundle shop on staging-1, production-1: 2 unchanged\n"
    for context in ("one", "two"):
        await fleet.servers[context].free_namespace("shop")


@pytest.fixture
async def two_steps(fleet: Fleet, registry: RegistryServer) -> str:
    """A CUE module: a Deployment, and then a ConfigMap."""
    await pushed(f"{fleet.base}/two-steps:1", image_of(TWO_STEPS, "1"))
    return fleet.instance("web", "two-steps:1")


async def test_without_cue_a_cue_module_of_the_last_cluster_stops_before_any_write(
    fleet: Fleet, two_steps: str
) -> None:
    last = f'if _cluster == "prod-1" {{instances: {{{two_steps}}}}}\n'
    fleet.write(fleet.instance("app", "config:1"), more=last)
    done = await fleet.run("apply", PATH="/nonexistent")
    assert done.code == 2, done
    assert "cluster prod-1, group production, context one: bundle.instances.web: module oci://" in done.err
    assert "is a CUE program: install cue (https://" in done.err
    assert fleet.writes() == []


async def test_a_step_of_a_module_is_ready_before_the_next_one_is_applied(
    fleet: Fleet, two_steps: str, cue_program: Path
) -> None:
    """Seen to fail with all steps applied at once."""
    fleet.write(two_steps.replace("}, namespace", "}, values: seconds: 1, namespace"))
    done = await fleet.run("apply", runtime=False, KRT_CUE=str(cue_program))
    assert done.code == 1, done
    assert not [each for each in fleet.writes() if "configmaps/web" in each]
    fleet.write(two_steps)
    async with open_kubelet(fleet.servers["one"].client, fleet.namespace("alone")):
        done = await fleet.run("apply", runtime=False, KRT_CUE=str(cue_program))
    assert done.code == 0, done
    writes = [each for each in fleet.writes() if "/web?" in each]
    assert ["deployments/web" in each for each in writes[:1]] == [True]
    assert "configmaps/web" in writes[-1]
    assert done.out.endswith("created\n")


async def test_a_server_that_no_longer_answers_in_the_middle_ends_the_run_there(fleet: Fleet) -> None:
    fleet.write(fleet.instance("app", "config:1"))
    fleet.proxies["two"].faults.on(rf"PATCH .*{fleet.namespace('alpha')}", Answer(503))
    done = await fleet.run("apply", "--timeout", "6s", "--runtime-group", "*")
    assert done.code == 1, done
    first, left = done.err.splitlines()[-2:]
    assert first.startswith("krt bundle: cluster alpha, group staging, context two: instance app: ")
    assert "503" in first
    assert left == (
        "krt bundle: not reached: cluster prod-2, group production, context two: instance app; "
        "cluster prod-1, group production, context one: instance app"
    )
    assert fleet.writes_in("zeta")
    assert fleet.writes_in("prod-1") == []
