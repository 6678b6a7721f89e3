"""krt runtime build and krt bundle vet as a person runs them, on a real API server."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.server import ApiServer
from tests.core.fleet.documents import DOCUMENTS
from tests.delivery.commands import Done
from tests.fakes.process import process

pytestmark = pytest.mark.apiserver

RUNTIME = """\
runtime: {
    apiVersion: "v1alpha1"
    name:       "production"
    clusters: {
        // none: the current context's cluster
    }
    values: [
        {
            query: "k8s:v1:ConfigMap:%(namespace)s:cloud-info"
            for: {
                "ACCOUNT": "obj.data.account"
                "REGION":     "obj.data.region"
            }
        },
        {
            query: "k8s:v1:Secret:%(namespace)s:cache-auth"
            for: {
                "CACHE_PASSWORD": "obj.data.password"
                "CACHE_CA":   "obj.data.\\"ca.crt\\""
            }
        },
    ]
}
"""
PEM = "-----BEGIN CERTIFICATE-----\nMIIC/jCC\nAeagAwI\n-----END CERTIFICATE-----\n"


async def build(folder: Path, kubeconfig: Path, text: str, *arguments: str) -> Done:
    """Run the command for a runtime with this text."""
    file = folder / "runtime.cue"
    file.write_text(text)
    command = ("runtime", "build", "-f", str(file), "--kubeconfig", str(kubeconfig), *arguments)
    async with process(*command) as running:
        code = await running.ended()
    return Done(code, running.out, running.err)


@pytest.fixture
async def filled(apiserver: ApiServer, namespace: str) -> str:
    metadata = {"namespace": namespace}
    secret = {"password": base64.b64encode(b"hunter2").decode(), "ca.crt": base64.b64encode(PEM.encode()).decode()}
    await apiserver.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cloud-info", **metadata},
            "data": {"account": "1234567890", "region": "eu-north-1"},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cache-auth", **metadata}, "data": secret},
    )
    return namespace


def contexts(folder: Path, **kubeconfigs: Path) -> Path:
    """One kubeconfig with a context for each of several."""
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for name, path in kubeconfigs.items():
        found = yaml.safe_load(path.read_text())
        merged["clusters"].append({**found["clusters"][0], "name": name})
        merged["users"].append({**found["users"][0], "name": name})
        merged["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    file = folder / "contexts.kubeconfig"
    file.write_text(yaml.safe_dump(merged))
    return file


async def test_a_runtime_prints_the_values_of_the_cluster(apiserver: ApiServer, filled: str, tmp_path: Path) -> None:
    built = await build(tmp_path, apiserver.control_plane.kubeconfig, RUNTIME % {"namespace": filled})
    assert built.code == 0, built
    pem = "".join(f"  {line}\n" for line in PEM.splitlines())
    assert built.out == f"ACCOUNT: 1234567890\nREGION: eu-north-1\nCACHE_PASSWORD: hunter2\nCACHE_CA:\n{pem}"


async def test_masked_values(apiserver: ApiServer, filled: str, tmp_path: Path) -> None:
    built = await build(tmp_path, apiserver.control_plane.kubeconfig, RUNTIME % {"namespace": filled}, "--mask")
    assert built.out == "ACCOUNT: 1234567890\nREGION: eu-north-1\nCACHE_PASSWORD: ***\nCACHE_CA: ***\n"


def one(query: str, expression: str = "obj.metadata.name", more: str = "") -> str:
    return (
        f'runtime: {{apiVersion: "v1alpha1", name: "x"\nvalues: [{{query: "{query}", for: A: "{expression}"{more}}}]}}'
    )


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("k8s:v1:ConfigMap:NS:nope", 2, 'query error for ConfigMap/NS/nope: 404 NotFound: configmaps "nope" not found'),
        ("k8s:example.io/v1:Widget:NS:nope", 2, "the API server serves no Widget of example.io/v1"),
        ("k8s:v1:ConfigMap:cloud-info", 2, "a ConfigMap needs a namespace"),
        ("k8s:v1:Namespace:NS", 0, "A: NS"),
    ],
)
async def test_queries_of_any_kind(
    apiserver: ApiServer, filled: str, tmp_path: Path, query: str, code: int, said: str
) -> None:
    built = await build(tmp_path, apiserver.control_plane.kubeconfig, one(query.replace("NS", filled)))
    assert built.code == code, built
    assert said.replace("NS", filled) in built.out + built.err
    assert "Traceback" not in built.err


async def test_optional_forgives_a_missing_object_and_no_denial(
    apiserver: ApiServer, filled: str, tmp_path: Path
) -> None:
    """Seen to fail with a denial that is forgiven, too."""
    text = one(f"k8s:v1:Secret:{filled}:nope", more=", optional: true")
    built = await build(tmp_path, apiserver.control_plane.kubeconfig, text)
    assert (built.code, built.out) == (0, "no values defined\n")
    account = await apiserver.account(filled, "nobody")
    denied = await build(tmp_path, account.kubeconfig, text)
    assert denied.code == 1
    assert "forbidden" in denied.err


async def test_each_selected_cluster_is_read_and_a_refusal_ends_it_by_its_name(
    apiserver: ApiServer, filled: str, tmp_path: Path
) -> None:
    account = await apiserver.account(filled, "nobody")
    config = contexts(tmp_path, good=apiserver.control_plane.kubeconfig, denied=account.kubeconfig)
    clusters = (
        'clusters: {zeta: {group: "staging", kubeContext: "good"}\n'
        'alpha: {group: "production", kubeContext: "denied"}\n'
        'last: {group: "production", kubeContext: "good"}}\n'
    )
    text = one(f"k8s:v1:ConfigMap:{filled}:cloud-info", "obj.data.region").replace("values:", f"{clusters}values:")
    built = await build(tmp_path, config, text)
    assert (built.code, built.out) == (1, "")
    assert "cluster alpha, group production, context denied: " in built.err
    chosen = await build(tmp_path, config, text, "--runtime-cluster", "LAST", "--runtime-group", "production")
    assert chosen.out == "# cluster last, group production, context good\nA: eu-north-1\n"
    none = await build(tmp_path, config, text, "--runtime-group", "test")
    assert (none.code, none.err) == (2, "krt: no cluster found\n")
    context = await build(tmp_path, config, text, "--kube-context", "good")
    sentence = "krt: --kube-context has no effect: the runtime defines clusters; choose by --runtime-cluster\n"
    assert (context.code, context.out, context.err) == (2, "", sentence)


async def test_a_context_that_is_not_there_is_said_before_anything_is_read(
    apiserver: ApiServer, filled: str, tmp_path: Path
) -> None:
    config = contexts(tmp_path, good=apiserver.control_plane.kubeconfig)
    clusters = 'clusters: {a: {group: "g", kubeContext: "good"}, b: {group: "g", kubeContext: "nope"}}\n'
    text = one(f"k8s:v1:ConfigMap:{filled}:cloud-info").replace("values:", f"{clusters}values:")
    built = await build(tmp_path, config, text)
    assert (built.code, built.out) == (2, "")
    assert "it has no context 'nope'" in built.err


async def test_a_value_that_is_missing_quotes_no_secret(apiserver: ApiServer, filled: str, tmp_path: Path) -> None:
    built = await build(
        tmp_path, apiserver.control_plane.kubeconfig, one(f"k8s:v1:Secret:{filled}:cache-auth", "obj.data.nope")
    )
    assert built.code == 2
    assert f"can't extract values from Secret/{filled}/cache-auth: A lookup path error" in built.err
    assert "hunter2" not in built.err


async def test_the_seeds_bundle_is_vetted_with_the_values_of_the_cluster(
    apiserver: ApiServer, filled: str, tmp_path: Path
) -> None:
    """Seen to fail with the password in the printed value."""
    (tmp_path / "runtime.cue").write_text(RUNTIME % {"namespace": filled})
    (tmp_path / "bundle.cue").write_text(DOCUMENTS["the example's bundle"])
    files = ("-f", str(tmp_path / "bundle.cue"), "--runtime", str(tmp_path / "runtime.cue"))
    command = ("bundle", "vet", *files, "--kubeconfig", str(apiserver.control_plane.kubeconfig), "--print-value")
    async with process(*command) as running:
        assert await running.ended() == 0, running.err
    [instance] = yaml.safe_load(running.out)["bundle"]["instances"].values()
    assert instance["module"] == {"url": "oci://1234567890.registry.eu-north-1.example/modules/shop"}
    assert instance["values"] == {"caching": {"enabled": True, "cacheURL": "***"}}
    assert "hunter2" not in running.out + running.err
