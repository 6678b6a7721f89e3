"""krt explain against the stand-in cluster: what it prints, what it asks for, how it ends."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from krt.cli.main import main
from krt.core.caller.admission import Refusal
from krt.core.kube.restartable import REACHABLE, RESTARTABLE
from krt.core.restart.matching import SkipReason, Warning  # noqa: A004
from krt.dev.cluster import Fault, deployment
from krt.dev.cluster.kinds import DEPLOYMENT, NAMESPACE, STATEFULSET
from tests.fakes.ports import free_ports
from tests.fakes.stand_in import StandIn, standing_in, write_kubeconfig

SHOP = "ghcr.io/acme/shop"
NOT_ASKED = (
    "no policy is checked: give KRT_POLICY (or --policy) and ALLOWED_IMAGE_PREFIX (or "
    "--allowed-image-prefix) as the worker has them; if it has only one of the two, give that one"
)
POLICY = """
[[allow]]
who = "acme@65/*"
images = ["ghcr.io/acme/cart"]

[[allow]]
who = "acme@65/*"
images = ["ghcr.io/acme/*"]
tags = ["dev", "pr-*"]

[[allow]]
who = "acme@65/shop@74"
images = ["ghcr.io/acme/{repo}"]
tags = ["v1"]
"""


@pytest.fixture
async def stand_in(tmp_path: Path) -> AsyncIterator[StandIn]:
    """Deployments that show each answer."""
    async with standing_in(tmp_path) as cluster:
        for document in (
            deployment("web", "shop", f"{SHOP}:dev"),
            deployment("cached", "shop", f"{SHOP}:dev", pull_policy="IfNotPresent"),
            deployment("api", "shop", f"{SHOP}:v1"),
            deployment("mirror", "ops", f"{SHOP}:dev", annotations={"krt/restart": "disabled"}),
            deployment("copy", "ops", "quay.io/acme/shop:dev"),
            deployment("other", "ops", "busybox"),
        ):
            cluster.cluster.add(document)
        yield cluster


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def explained(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command to its end, beside the cluster that it asks."""

    async def run(*words: str, environ: Mapping[str, str] | None = None) -> Ended:
        code = await trio.to_thread.run_sync(partial(main, ["explain", *words], environ or {"HOME": "/nowhere"}))
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


async def test_a_table_says_what_would_be_restarted_what_not_and_why(stand_in: StandIn, explained):
    done = await explained(f"{SHOP}:dev", "--kubeconfig", str(stand_in.kubeconfig))
    assert (done.code, done.err) == (0, "")
    assert [line.split("  ")[0].strip() for line in done.out.splitlines()[5:]] == ["yes"] * 2 + ["no"] * 2 + ["nearly"]
    assert done.out == (
        f"cluster: {stand_in.url}\n"
        f"{NOT_ASKED}\n"
        "\n"
        "ghcr.io/acme/shop:dev would restart 2 workloads\n"
        "RESTART  KIND        NAMESPACE  NAME    IMAGE                  WHY\n"
        "yes      Deployment  shop       cached  ghcr.io/acme/shop:dev  imagePullPolicy is not Always: a node that has"
        " the tag keeps the old image\n"
        "yes      Deployment  shop       web     ghcr.io/acme/shop:dev\n"
        "no       Deployment  ops        mirror  ghcr.io/acme/shop:dev  opted out by krt/restart\n"
        "no       Deployment  shop       api     ghcr.io/acme/shop:v1   runs another tag\n"
        "nearly   Deployment  ops        copy    quay.io/acme/shop:dev  another registry or path\n"
    )


async def test_json_says_the_same(stand_in: StandIn, explained):
    done = await explained(f"{SHOP}:dev", "busybox", "--json", "--kubeconfig", str(stand_in.kubeconfig))
    document = json.loads(done.out)
    assert (done.code, document["cluster"], document["unseen"], document["policy_asked"]) == (
        0,
        stand_in.url,
        [],
        False,
    )
    shop, busybox = document["events"]
    assert (shop["image"], shop["tag"]) == (SHOP, "dev")
    assert [(w["namespace"], w["name"], w["restart"]) for w in shop["workloads"]] == [
        ("shop", "cached", "yes"),
        ("shop", "web", "yes"),
        ("ops", "mirror", "no"),
        ("shop", "api", "no"),
        ("ops", "copy", "nearly"),
    ]
    assert shop["workloads"][3] == {
        "restart": "no",
        "kind": "Deployment",
        "namespace": "shop",
        "name": "api",
        "images": [f"{SHOP}:v1"],
        "why": ["runs another tag"],
        "would_fail": False,
    }
    assert (busybox["tag"], [w["name"] for w in busybox["workloads"]]) == ("latest", ["other"])


async def test_an_image_that_nothing_runs_has_no_table(stand_in: StandIn, explained):
    done = await explained("ghcr.io/acme/none:dev", "--kubeconfig", str(stand_in.kubeconfig))
    assert (done.code, done.out.splitlines()[3:]) == (0, ["ghcr.io/acme/none:dev would restart 0 workloads"])


async def test_a_namespace_that_is_opted_out_is_said(stand_in: StandIn, explained):
    stand_in.cluster.store.update(
        NAMESPACE,
        "",
        "shop",
        lambda before: {**before, "metadata": {**before["metadata"], "annotations": {"krt/restart": "disabled"}}},
        manager="kubectl",
    )
    done = await explained(f"{SHOP}:dev", "--kubeconfig", str(stand_in.kubeconfig))
    assert f"{SHOP}:dev would restart 0 workloads" in done.out
    assert done.out.count("its namespace is opted out by krt/restart") == 2


async def test_a_user_who_may_not_list_namespaces_learns_it(stand_in: StandIn, explained):
    stand_in.cluster.faults.add(Fault(status=403, resource="namespaces"), times=None)
    done = await explained(f"{SHOP}:dev", "--kubeconfig", str(stand_in.kubeconfig))
    assert done.code == 0
    assert "namespaces were not looked at" in done.out
    assert "so krt does not know which of them are opted out" in done.out


async def test_the_cluster_is_listed_once_and_not_watched(stand_in: StandIn, explained):
    await explained(f"{SHOP}:dev", f"{SHOP}:v1", "--kubeconfig", str(stand_in.kubeconfig))
    asked = [(seen.method, seen.path) for seen in stand_in.seen]
    workloads = [("GET", each.collection_path(None)) for each in REACHABLE.values()]
    assert asked == [*workloads, ("GET", "/api/v1/namespaces")]
    assert all("watch" not in seen.query for seen in stand_in.seen)


async def test_a_kind_that_the_cluster_does_not_have_is_missed_only_if_the_worker_watches_it(
    stand_in: StandIn, explained
):
    """Seen to fail with NotServed passed on: every cluster without BundleDeployments was called unavailable."""
    stand_in.cluster.faults.add(Fault(404, resource="bundledeployments"), times=None)
    words = (f"{SHOP}:dev", "--kubeconfig", str(stand_in.kubeconfig))
    done, wanted = await explained(*words), await explained(*words, "--kinds", "Deployment,BundleDeployment")
    assert (done.code, "bundledeployments" in done.out + done.err) == (0, False)
    assert (wanted.code, "404" in wanted.err) == (2, True)


async def test_a_bundle_deployment_is_explained_as_a_workload_is(stand_in: StandIn, explained):
    source = {"type": "image", "image": {"ref": f"{SHOP}:dev"}}
    for name, spec in (("shop", "core-rukpak-io-plain"), ("foreign", "core-rukpak-io-helm")):
        template = {"spec": {"source": source, "provisionerClassName": spec}}
        whole = {"provisionerClassName": spec, "template": template}
        stand_in.cluster.add({"kind": "BundleDeployment", "metadata": {"name": name}, "spec": whole})
    words = ("--kinds", "BundleDeployment", "--namespaces", "shop", "--json")
    done = await explained(f"{SHOP}:dev", *words, "--kubeconfig", str(stand_in.kubeconfig))
    found = json.loads(done.out)["events"][0]["workloads"]
    answers = {each["name"]: (each["restart"], each["why"]) for each in found if each["kind"] == "BundleDeployment"}
    assert answers == {"shop": ("yes", []), "foreign": ("no", [SkipReason.FOREIGN])}


@pytest.mark.parametrize("how", ["flags", "variables"])
async def test_it_takes_the_workers_settings(stand_in: StandIn, explained, how: str):
    if how == "flags":
        words = ["--namespaces", "ops", "--kinds", "Deployment,StatefulSet", "--require-opt-in"]
        done = await explained(f"{SHOP}:dev", *words, "--kubeconfig", str(stand_in.kubeconfig))
    else:
        variables = {"KRT_NAMESPACES": "ops", "KRT_KINDS": "Deployment,StatefulSet", "KRT_REQUIRE_OPT_IN": "true"}
        done = await explained(f"{SHOP}:dev", environ={**variables, "KUBECONFIG": str(stand_in.kubeconfig)})
    assert "would restart 0 workloads" in done.out
    assert "krt/restart is not enabled; namespace outside of KRT_NAMESPACES" in done.out


@pytest.fixture
def policy(tmp_path: Path) -> str:
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    return str(file)


ADMITS = {2: "rule 2 (acme@65/*): admits it", 3: "rule 3 (acme@65/shop@74): admits it"}


def by_tags(rule: int, tag: str) -> str:
    who, tags = {2: ("acme@65/*", "dev or pr-*"), 3: ("acme@65/shop@74", "v1")}[rule]
    return f"rule {rule} ({who}): refuses by tags: {tag}, not {tags}"


@pytest.mark.parametrize(
    ("image", "prefix", "refusal", "rules"),
    [
        (f"{SHOP}:dev", None, None, [ADMITS[2], by_tags(3, "dev")]),
        (f"{SHOP}:v1", "ghcr.io/acme", None, [by_tags(2, "v1"), ADMITS[3]]),
        (f"{SHOP}:v2", None, Refusal.TAGS, [by_tags(2, "v2"), by_tags(3, "v2")]),
        ("quay.io/acme/shop:dev", None, Refusal.IMAGE, []),
        ("busybox", None, Refusal.IMAGE, []),
        (f"{SHOP}:dev", "ghcr.io/other", Refusal.PREFIX, [ADMITS[2], by_tags(3, "dev")]),
    ],
)
async def test_the_workers_policy_is_asked_as_the_worker_asks_it(
    stand_in: StandIn, explained, policy: str, image: str, prefix: str | None, refusal: str | None, rules: list[str]
):
    """Seen to fail with the policy passed over: it said yes to what the worker settles as failed."""
    words = [image, "--policy", policy, *(["--allowed-image-prefix", prefix] if prefix else [])]
    done = await explained(*words, "--kubeconfig", str(stand_in.kubeconfig))
    assert (done.code, done.err, NOT_ASKED in done.out) == (0, "", False)
    document = json.loads((await explained(*words, "--json", "--kubeconfig", str(stand_in.kubeconfig))).out)
    [event] = document["events"]
    assert (document["policy_asked"], event["refused"], event["rules"]) == (True, refusal, rules)
    said = [*([refusal] if refusal else []), *rules]
    assert done.out.splitlines()[3 : 3 + len(said)] == said
    answers = {each["restart"] for each in event["workloads"]}
    assert answers == {"no"} if refusal else "yes" in answers
    assert all(not refusal or each["why"][0] == refusal for each in event["workloads"])


@pytest.mark.parametrize(
    ("prefix", "admits"),
    [
        ("ghcr.io/acme", True),
        ("ghcr.io/acme/", True),
        (SHOP, True),
        ("ghcr.io/", True),
        (f"{SHOP}/", False),
        ("ghcr.io/other", False),
        ("docker.io/", False),
    ],
)
async def test_the_workers_prefix_is_asked_as_well(stand_in: StandIn, explained, prefix: str, *, admits: bool):
    variables = {"KUBECONFIG": str(stand_in.kubeconfig), "ALLOWED_IMAGE_PREFIX": prefix}
    done = await explained(f"{SHOP}:dev", environ=variables)
    assert (done.code, NOT_ASKED in done.out) == (0, False)
    assert f"{SHOP}:dev would restart {2 if admits else 0} workloads" in done.out
    assert done.out.count(Refusal.PREFIX) == (0 if admits else 6)  # of the event, and of each workload


STRANGE: dict[str, tuple[str, dict[str, object], str]] = {
    "paused": ("Deployment", {"paused": True}, Warning.PAUSED),
    "on-delete": ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, Warning.ON_DELETE),
    "agent": ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, Warning.ON_DELETE),
    "canary": (
        "StatefulSet",
        {"updateStrategy": {"rollingUpdate": {"partition": 1}}, "replicas": 2},
        Warning.PARTITION,
    ),
    "kept": ("StatefulSet", {"updateStrategy": {"rollingUpdate": {"partition": 7}}}, Warning.PARTITION),
    "empty": ("StatefulSet", {"replicas": 0, "updateStrategy": {"type": "OnDelete"}}, Warning.NO_REPLICAS),
}


async def test_a_rollout_that_would_not_end_well_is_said_to_fail(stand_in: StandIn, explained):
    """Seen to fail with a warning that did not say what it comes to."""
    for name, (kind, spec, _) in STRANGE.items():
        document = deployment(name, "odd", "ghcr.io/acme/odd:dev")
        status = document["status"] | {"desiredNumberScheduled": 1}
        stand_in.cluster.add(document | {"kind": kind, "spec": document["spec"] | spec, "status": status})
    words = ["ghcr.io/acme/odd:dev", "--kubeconfig", str(stand_in.kubeconfig)]
    words += ["--kinds", ",".join(RESTARTABLE)]
    done = await explained(*words)
    document = json.loads((await explained(*words, "--json")).out)
    workloads = document["events"][0]["workloads"]
    found = {each["name"]: (each["restart"], each["why"], each["would_fail"]) for each in workloads}
    assert found == {name: ("yes", [why], name != "empty") for name, (_, _, why) in STRANGE.items()}
    assert "ghcr.io/acme/odd:dev would restart 6 workloads, of which 5 would end as failed\n" in done.out
    assert all(f" {why}\n" in done.out for _, _, why in STRANGE.values())


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "said"),
    [
        (DEPLOYMENT, "shop", "web", [SkipReason.BEING_DELETED]),
        (NAMESPACE, "", "shop", [SkipReason.NAMESPACE_BEING_DELETED] * 2),
    ],
    ids=["object", "namespace"],
)
async def test_what_is_being_deleted_is_not_restarted(stand_in: StandIn, explained, kind, namespace, name, said):
    going = {"deletionTimestamp": "2026-11-20T12:00:00Z", "finalizers": ["example.com/hold"]}
    stand_in.cluster.store.update(
        kind, namespace, name, lambda before: {**before, "metadata": {**before["metadata"], **going}}, manager="kubectl"
    )
    done = await explained(f"{SHOP}:dev", "--kubeconfig", str(stand_in.kubeconfig))
    lines = [line for line in done.out.splitlines() if "is being deleted" in line]
    assert (len(lines), all(line.endswith(said[0]) and line.startswith("no ") for line in lines)) == (len(said), True)


async def test_a_kind_that_the_worker_does_not_look_at_is_named_as_one(stand_in: StandIn, explained):
    document = deployment("db", "shop", f"{SHOP}:dev") | {"kind": STATEFULSET.name}
    stand_in.cluster.add(document)
    done = await explained(f"{SHOP}:dev", "--kubeconfig", str(stand_in.kubeconfig))
    [line] = [line for line in done.out.splitlines() if "StatefulSet" in line]
    assert line.startswith("no")
    assert "kind not among KRT_KINDS" in line


async def test_where_one_may_not_list_all_what_the_worker_sees_is_enough(stand_in: StandIn, explained):
    stand_in.cluster.faults.add(Fault(403, namespace=""), times=None)
    done = await explained(f"{SHOP}:dev", "--namespaces", "shop", "--kubeconfig", str(stand_in.kubeconfig))
    assert (done.code, "would restart 2 workloads" in done.out) == (0, True)
    assert "deployments in other namespaces were not looked at: 403 Forbidden" in done.out
    assert "statefulsets were not looked at: 403 Forbidden" in done.out
    assert "mirror" not in done.out


async def test_where_one_may_not_list_what_the_worker_sees_there_is_no_answer(stand_in: StandIn, explained):
    stand_in.cluster.faults.add(Fault(403), times=None)
    for words in ([], ["--namespaces", "shop"]):
        done = await explained(f"{SHOP}:dev", *words, "--kubeconfig", str(stand_in.kubeconfig))
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"krt: {stand_in.url}: 403 Forbidden")


async def test_the_users_own_kubeconfig_is_taken_where_none_is_named(stand_in: StandIn, explained, tmp_path: Path):
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    (home / ".kube" / "config").write_text(stand_in.kubeconfig.read_text())
    done = await explained(f"{SHOP}:dev", environ={"HOME": str(home)})
    assert (done.code, done.out.splitlines()[0]) == (0, f"cluster: {stand_in.url}")


async def test_a_server_that_is_not_there_is_a_sentence(explained, tmp_path: Path):
    [port] = free_ports(1)
    config = write_kubeconfig(tmp_path, {"server": f"http://127.0.0.1:{port}"}, {"token": "x"})
    done = await explained(f"{SHOP}:dev", "--kubeconfig", str(config))
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert done.err.startswith(f"krt: http://127.0.0.1:{port}: ")


async def test_a_path_that_leads_to_no_api_server_is_named(stand_in: StandIn, explained, tmp_path: Path):
    """Seen to fail with the answer alone: 404 without a reason, no message."""
    config = write_kubeconfig(tmp_path, {"server": f"{stand_in.url}/k8s/c-1"}, {"token": "first"})
    done = await explained(f"{SHOP}:dev", "--kubeconfig", str(config))
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("or the path /k8s/c-1 in the kubeconfig's server is wrong\n")


@pytest.mark.parametrize("code", [401, 410, 500, 503])
async def test_a_server_that_refuses_is_a_sentence(stand_in: StandIn, explained, code: int):
    stand_in.cluster.faults.add(Fault(code), times=None)
    done = await explained(f"{SHOP}:dev", "--kubeconfig", str(stand_in.kubeconfig))
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)


@pytest.mark.parametrize(
    ("words", "environ", "problem"),
    [
        (["x y"], {}, "'x y': "),
        (["ghcr.io/acme/shop@sha256:" + "a" * 64], {}, "an event names tags, not a digest"),
        (["GHCR.io/acme/shop"], {}, "a registry host is written in lower case"),
        ([SHOP, "--kubeconfig", "/nowhere"], {}, "KUBECONFIG (or --kubeconfig): the file cannot be read"),
        ([SHOP], {"KUBECONFIG": "/a:/b"}, "none of these files exists"),
        ([SHOP], {"HOME": "/nowhere"}, "this is not a pod with a service account"),
        ([SHOP, "--kinds", "Pod"], {}, "KRT_KINDS (or --kinds)"),
        ([SHOP, "--policy", "/nowhere.toml"], {}, "KRT_POLICY (or --policy): /nowhere.toml cannot be read"),
        ([SHOP], {"KRT_POLICY": "/"}, "KRT_POLICY (or --policy): /: is not a file"),
        ([SHOP], {"KRT_POLICY": __file__}, "KRT_POLICY (or --policy): "),
        ([SHOP, "--allowed-image-prefix", "ghcr.io/acme-"], {}, "ALLOWED_IMAGE_PREFIX (or --allowed-image-prefix): "),
        ([SHOP], {"ALLOWED_IMAGE_PREFIX": "ghcr.io"}, "a prefix names registry and path"),
        ([SHOP], {"KRT_NAMESPACE": "shop"}, "KRT_NAMESPACE is not a setting of krt; did you mean KRT_NAMESPACES?"),
        ([SHOP, "\x1b[31m"], {}, "'\\x1b[31m'"),
    ],
)
async def test_bad_input_is_a_sentence(explained, words: list[str], environ: dict[str, str], problem: str):
    done = await explained(*words, environ=environ)
    assert (done.code, done.out) == (2, "")
    assert problem in done.err


async def test_a_kubeconfig_that_is_none_is_a_sentence(explained, tmp_path: Path):
    for text in ("", "{", "a: b", "\x00", "apiVersion: v1\nkind: Config\n"):
        (tmp_path / "config").write_text(text)
        done = await explained(SHOP, "--kubeconfig", str(tmp_path / "config"))
        assert (done.code, done.out, done.err.startswith("krt: KUBECONFIG")) == (2, "", True), text


async def test_names_that_would_colour_the_terminal_do_not(stand_in: StandIn, explained):
    stand_in.cluster.add(deployment("odd", "ops", "quay.io/\x1b[31m/shop:dev"))
    done = await explained(f"{SHOP}:dev", "--kubeconfig", str(stand_in.kubeconfig))
    assert "\x1b" not in done.out
    assert "quay.io/?[31m/shop:dev" in done.out
