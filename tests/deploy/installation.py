"""An overlay on the real API server, applied by the real kubectl. Synchronous: one for all tests of a module."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from krt.core.kube.restartable import RESTARTABLE
from tests.apiserver import bundles
from tests.apiserver.binaries import program
from tests.apiserver.bundles import a_bundle_deployment, image
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.objects import BUILDERS, Object, a_deployment
from tests.deploy.acts import SAMPLES
from tests.deploy.rendered import Rendered, render
from tests.fakes.pace import PATIENCE_SECONDS

SHOP = "shop"  # the namespace that the overlay one-namespace watches
FIRST_RESTART = "2026-01-01T00:00:00.000001Z"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_SECONDS = 2 * PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Installation:
    """What the overlay made, and the account of its worker."""

    rendered: Rendered
    account: str
    token: str


@contextmanager
def installed(control_plane: ControlPlane, folder: Path) -> Iterator[Installation]:
    """Validated strictly, without a warning (of Pod Security, say), beside a namespace `shop` with workloads in it."""
    rendered = render(folder)
    admin = {"Authorization": f"Bearer {control_plane.credentials.admin_token}"}
    with httpx.Client(
        base_url=control_plane.url, verify=control_plane.ssl_context, headers=admin, timeout=30
    ) as client:
        try:
            _make_shop(client)
            if has_bundles(rendered):
                _kubectl(control_plane, "apply", "--server-side", "-f", str(bundles.CRDS))
            said = _kubectl(control_plane, "apply", "-k", str(folder), "--server-side", "--validate=strict")
            assert said.stderr == "", said.stderr
            account = _account_of_worker(rendered)
            _wait_for_policy(client, account)
            _make_bundle(client, rendered)
            yield Installation(rendered, account, _token(client, account))
        finally:
            _remove(control_plane, client, rendered, folder)


def has_bundles(rendered: Rendered) -> bool:
    """Whether components/bundles is in it."""
    return any(each["metadata"]["name"] == "krt-worker-bundles" for each in rendered.of("ClusterRole"))


def _make_shop(client: httpx.Client) -> None:
    client.post("/api/v1/namespaces", json={"metadata": {"name": SHOP}}).raise_for_status()
    client.post("/api/v1/nodes", json={"metadata": {"name": "node"}})  # one of another test's may be there
    client.post(
        f"/api/v1/namespaces/{SHOP}/serviceaccounts", json={"metadata": {"name": "somebody"}}
    ).raise_for_status()
    for kind, document in (
        *((kind, BUILDERS[kind](name, namespace=SHOP)) for kind, name in SAMPLES.items()),
        ("Deployment", a_deployment("plain", namespace=SHOP)),
    ):
        if document["metadata"]["name"] != "plain":
            _annotate(document)
        client.post(RESTARTABLE[kind].collection_path(SHOP), json=document).raise_for_status()


def _make_bundle(client: httpx.Client, rendered: Rendered) -> None:
    """If the worker may patch one. The kind is served a moment after it was made."""
    if not has_bundles(rendered):
        return
    document = a_bundle_deployment(image("ghcr.io/acme/shop-bundle:main"), "bundle", annotations={"kept": "as it is"})
    for _ in range(int(_SECONDS / 0.1)):
        if client.post(bundles.collection(document), json=document).status_code == 201:
            return
        time.sleep(0.1)
    raise AssertionError("the kind BundleDeployment is not served")


def _annotate(document: Object) -> None:
    """Something that might be changed or taken away."""
    kept = {"kept": "as it is"}
    document["metadata"]["annotations"] = dict(kept)
    document["spec"]["template"]["metadata"]["annotations"] = {**kept, RESTARTED_AT: FIRST_RESTART}


def _account_of_worker(rendered: Rendered) -> str:
    """By the pod that uses it."""
    deployment = rendered.one("Deployment", "krt-worker")
    name = deployment["spec"]["template"]["spec"]["serviceAccountName"]
    return f"system:serviceaccount:{deployment['metadata']['namespace']}:{name}"


def _wait_for_policy(client: httpx.Client, account: str) -> None:
    """It takes the API server a moment. What every administrator may do tells when."""
    by_account = {"Impersonate-User": account, "Impersonate-Group": "system:masters"}
    for _ in range(int(_SECONDS / 0.1)):
        answer = client.post(
            "/api/v1/namespaces/default/configmaps",
            json={"metadata": {"name": "never"}},
            params={"dryRun": "All"},
            headers=by_account,
        )
        if answer.status_code == 422:
            return
        time.sleep(0.1)
    raise AssertionError(f"no policy refuses {account} anything")


def _token(client: httpx.Client, account: str) -> str:
    """By the TokenRequest API."""
    _, _, namespace, name = account.split(":")
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    return str(
        client.post(path, json={"spec": {"expirationSeconds": 3600}}).raise_for_status().json()["status"]["token"]
    )


def _remove(control_plane: ControlPlane, client: httpx.Client, rendered: Rendered, folder: Path) -> None:
    """Without the namespace controller, which looks into a deleted namespace after five seconds only."""
    own = rendered.one("Deployment", "krt-web")["metadata"]["namespace"]
    _kubectl(control_plane, "delete", "namespace", SHOP, "--wait=false")
    _kubectl(control_plane, "delete", "-k", str(folder), "--ignore-not-found", "--wait=false")
    if has_bundles(rendered):
        _kubectl(control_plane, "delete", "bundledeployments", "--all")
    # No controller here takes the finalizer off the volume's claim.
    claim = ("patch", "pvc", "data-valkey-0", "-n", own, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    _kubectl(control_plane, *claim, check=False)
    plurals = {each.plural for each in RESTARTABLE.values()} | {"replicasets", "events", "pvc", "serviceaccounts"}
    for namespace in (own, SHOP):
        everything = ("--all", "-n", namespace, "--ignore-not-found")
        _kubectl(control_plane, "delete", ",".join(sorted(plurals)), *everything)
        now = ("--ignore-not-found", "--force", "--grace-period=0")
        _kubectl(control_plane, "delete", "pods", "--all", "-n", namespace, *now)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}, "spec": {"finalizers": []}}
        client.put(f"/api/v1/namespaces/{namespace}/finalize", json=body)  # unless it is gone already
        _kubectl(control_plane, "wait", "--for=delete", f"namespace/{namespace}", f"--timeout={_SECONDS:.0f}s")


def _kubectl(control_plane: ControlPlane, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(program("kubectl")), *arguments],
        env={"KUBECONFIG": str(control_plane.kubeconfig), "HOME": str(control_plane.kubeconfig.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not check, done.stderr
    return done
