"""C1 of docs/correctness.md on the real API server: a name stays with its cluster, whatever is rotated in it."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio
import trustme

from krt.broker.client import Client
from krt.broker.clusters import claim_name
from krt.cluster.workloads.open import open_cluster
from krt.core.kube.cluster_identity import ClusterIdentity, parse_identity
from krt.errors import SettingsInvalid
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.objects import WORKER_RULES, Object, grant
from tests.apiserver.server import Account, ApiServer, open_apiserver
from tests.fakes.https_proxy import HttpsProxy
from tests.worker.accepting import KEYS

pytestmark = pytest.mark.apiserver

KUBE_SYSTEM: Object = {
    "apiGroups": [""],
    "resources": ["namespaces"],
    "resourceNames": ["kube-system"],
    "verbs": ["get"],
}
OWN_NAMESPACE: Object = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}


async def identity_of(kubeconfig: Path, namespace: str) -> ClusterIdentity:
    async with open_cluster(kubeconfig, kinds=("Deployment",), namespaces=(namespace,), calls_at_once=4) as cluster:
        await cluster.wait_listed()
        return await cluster.identity()


async def start(client: Client, kubeconfig: Path, namespace: str) -> None:
    """As far as a worker that starts gets with the name of its cluster."""
    await claim_name(client, KEYS, "default", await identity_of(kubeconfig, namespace), replace=False)


@asynccontextmanager
async def an_account(
    server: ApiServer, namespace: str, name: str = "krt-worker", rules: Sequence[Object] = (), *, everywhere: bool
) -> AsyncIterator[Account]:
    """With the right to read the namespace kube-system and no other (`everywhere`), or with these rules alone."""
    account = await server.account(namespace, name, (*WORKER_RULES, *rules))
    more = grant(f"{name}-identity", namespace, [KUBE_SYSTEM], everywhere=True) if everywhere else ()
    for each in more:
        if "subjects" in each:
            each["subjects"][0]["name"] = name
        await server.apply(each)
    yield account
    for each in more:
        await server.request("DELETE", await server.path_of(each["apiVersion"], each["kind"], each["metadata"]))


def with_authorities(kubeconfig: Path, text: str) -> Path:
    """Trust what this PEM text has."""
    document = json.loads(kubeconfig.read_text())
    bundle = kubeconfig.with_suffix(f".{len(text)}.crt")
    bundle.write_text(text)
    document["clusters"][0]["cluster"]["certificate-authority"] = str(bundle)
    path = kubeconfig.with_suffix(f".{len(text)}.kubeconfig")
    path.write_text(json.dumps(document))
    return path


def bundles(authority: str) -> dict[str, str]:
    other = trustme.CA().cert_pem.bytes().decode()
    return {
        "a comment": f"# rotated in November\n{authority}",
        "a blank line": f"{authority}\n\n",
        "the next one behind it": f"{authority}\n{other}",
        "the next one before it": f"# next\n{other}\n# last\n{authority}",
        "twice the same": f"{authority}{authority}",
    }


@pytest.mark.parametrize("rights", ["of the cluster", "of the account", "of nobody in particular"])
async def test_C1_a_bundle_that_changes_is_the_same_cluster(apiserver, namespace, client, rights):
    """Seen to fail with the digest of address and bundle: exit code 2, "the workers of another cluster …"."""
    async with an_account(apiserver, namespace, everywhere=rights == "of the cluster") as account:
        kubeconfig = account.kubeconfig
        if rights == "of nobody in particular":  # an administrator by a token of the server's file has no uid
            kubeconfig = apiserver.kubeconfig(apiserver.control_plane.credentials.admin_token)
        await start(client, kubeconfig, namespace)
        for text in bundles(apiserver.ca_file.read_text()).values():
            await start(client, with_authorities(kubeconfig, text), namespace)


@pytest.mark.parametrize("everywhere", [True, False], ids=["of the cluster", "of the account"])
async def test_C1_another_address_with_another_authority_is_the_same_cluster(
    apiserver: ApiServer, namespace: str, client: Client, api_proxy: HttpsProxy, everywhere: bool
) -> None:
    """Seen to fail with the parts, or the cluster's uid, left out of the comparison."""
    async with an_account(apiserver, namespace, everywhere=everywhere) as account:
        await start(client, account.kubeconfig, namespace)
        await start(client, apiserver.kubeconfig(account.token, proxy=api_proxy), namespace)
        await start(client, account.kubeconfig, namespace)


async def test_C1_an_account_that_is_made_anew_is_of_the_same_cluster(apiserver, namespace, client, api_proxy):
    """Who may have the token is shut out so (docs/operations.md). Seen to fail without the cluster's own uid."""
    async with an_account(apiserver, namespace, everywhere=True) as account:
        await start(client, account.kubeconfig, namespace)
        await apiserver.request("DELETE", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account.name}")
        await apiserver.request(
            "POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": account.name}}
        )
        token = await apiserver.token(namespace, account.name)
        await start(client, apiserver.kubeconfig(token, proxy=api_proxy), namespace)


async def test_C1_rights_that_come_and_go_change_no_cluster(apiserver, namespace, client, api_proxy):
    """Seen to fail with the last worker's account alone in the record, and with one kind of evidence in it."""
    account = await apiserver.account(namespace, "krt-worker", WORKER_RULES)
    await start(client, account.kubeconfig, namespace)
    async with an_account(apiserver, namespace, "krt-other", everywhere=True) as other:
        # This one has nothing in common with the first but the server, and brings the cluster's uid.
        await start(client, other.kubeconfig, namespace)
        await start(client, apiserver.kubeconfig(other.token, proxy=api_proxy), namespace)
    await start(client, apiserver.kubeconfig(account.token, proxy=api_proxy), namespace)
    third = await apiserver.account(namespace, "krt-third", (*WORKER_RULES, OWN_NAMESPACE))
    await start(client, apiserver.kubeconfig(third.token, proxy=api_proxy), namespace)
    known = parse_identity(await client.call("GET", KEYS.cluster("default")))
    assert known.cluster
    assert len(known.parts) == 4  # the namespace and three accounts


async def test_C1_what_may_be_read_says_which_cluster_it_is(apiserver, namespace):
    """Seen to fail with each of the three left out."""
    system = await apiserver.request("GET", "/api/v1/namespaces/kube-system")
    own = await apiserver.request("GET", f"/api/v1/namespaces/{namespace}")
    async with an_account(apiserver, namespace, rules=[OWN_NAMESPACE], everywhere=True) as account:
        found = await identity_of(account.kubeconfig, namespace)
        who = await apiserver.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account.name}")
    name = f"system:serviceaccount:{namespace}:{account.name}"
    assert found.cluster == system["metadata"]["uid"]
    assert found.parts == {f"namespace {namespace}": own["metadata"]["uid"], name: who["metadata"]["uid"]}
    assert len(found.authorities) == 1


@pytest.mark.slow
@pytest.mark.parametrize("everywhere", [True, False], ids=["of the cluster", "of the account"])
async def test_C1_a_second_cluster_is_told_apart(
    apiserver: ApiServer, client: Client, tmp_path: Path, everywhere: bool
) -> None:
    """Of the same names throughout. Seen to fail with a likeness of names taken for one of uids."""
    twin = f"twin-{everywhere}".lower()
    with TemporaryDirectory(prefix="krt-apiserver-") as folder:
        second = ControlPlane(Path(folder))
        try:
            await second.start()
            async with open_apiserver(second, tmp_path) as other:
                for server in (apiserver, other):
                    await server.request("POST", "/api/v1/namespaces", {"metadata": {"name": twin}})
                async with (
                    an_account(apiserver, twin, everywhere=everywhere) as first_account,
                    an_account(other, twin, everywhere=everywhere) as second_account,
                ):
                    await start(client, first_account.kubeconfig, twin)
                    with pytest.raises(SettingsInvalid, match=r"workers of another cluster .* KRT_CLUSTER_REPLACE"):
                        await start(client, second_account.kubeconfig, twin)
                    await start(client, first_account.kubeconfig, twin)
                await apiserver.delete_namespace(twin)
        finally:
            second.stop()


async def test_C1_what_cannot_be_told_is_said_as_that(client):
    """Seen to fail with one sentence for both."""
    await claim_name(client, KEYS, "default", ClusterIdentity("", {}, "https://a", ("x",)), replace=False)
    with pytest.raises(SettingsInvalid, match=r"cannot tell .* `get` on the namespace kube-system"):
        await claim_name(client, KEYS, "default", ClusterIdentity("", {}, "https://b", ("y",)), replace=False)


@pytest.mark.parametrize("record", ["0" * 64, "x", "[]"], ids=["an older krt's", "anything", "JSON"])
async def test_C1_a_record_of_somebody_else_is_kept_until_it_may_go(client, record):
    """Seen to fail with a record that cannot be read taken for none."""
    await client.call("SET", KEYS.cluster("default"), record)
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        await claim_name(client, KEYS, "default", ClusterIdentity("u1"), replace=False)
    assert await client.call("GET", KEYS.cluster("default")) == record.encode()
    await claim_name(client, KEYS, "default", ClusterIdentity("u1"), replace=True)
    await claim_name(client, KEYS, "default", ClusterIdentity("u1"), replace=False)


async def test_C1_a_full_valkey_does_not_keep_a_cluster_from_its_own_name(client):
    """Nothing is written where nothing is new, and what is new may wait. Seen to fail with the refusal waited out."""
    known = ClusterIdentity("u1", {}, "https://a")
    await claim_name(client, KEYS, "default", known, replace=False)
    await client.call("CONFIG", "SET", "maxmemory", "1")
    try:
        with trio.fail_after(10):
            await claim_name(client, KEYS, "default", known, replace=False)
            await claim_name(client, KEYS, "default", ClusterIdentity("u1", {}, "https://b"), replace=False)
    finally:
        await client.call("CONFIG", "SET", "maxmemory", "0")
