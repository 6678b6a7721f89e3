"""krt secrets import and redeliver on the real API server, with the rights that docs/app-secrets.md gives."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from krt.cli.main import main
from tests.apiserver.apps import app_crd
from tests.apiserver.bundles import serve
from tests.apiserver.objects import Object
from tests.apiserver.server import ApiServer
from tests.deploy.app_secrets import an_effect, an_entry, label_environment, put_app, remove_apps

pytestmark = pytest.mark.apiserver

CANARY = "tr0ub4dor-&-3"
# docs/app-secrets.md has the same Role.
IMPORTER_RULES: tuple[Object, ...] = (
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list", "create", "patch"]},
)


@dataclass(frozen=True, slots=True)
class Desk:
    """A person with a kubeconfig, a folder for files, and a namespace that is labelled with an environment."""

    server: ApiServer
    namespace: str
    environment: str
    folder: Path
    kubeconfig: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def checkout(self) -> tuple[str, ...]:
        """App and environment as arguments."""
        return "checkout", "--environment", self.environment

    async def krt(self, *words: str, code: int = 0) -> tuple[str, str]:
        """What `krt secrets …` printed; no stream ever has the canary."""
        argv = ("secrets", *words, "--kubeconfig", str(self.kubeconfig))
        assert await trio.to_thread.run_sync(main, argv, {}) == code
        out, err = self.capsys.readouterr()
        assert CANARY not in out + err
        assert base64.b64encode(CANARY.encode()).decode() not in out + err
        return out, err

    async def imported(self, text: str, *words: str, code: int = 0) -> dict[str, Any]:
        """The JSON document about an import of this dotenv file."""
        file = self.folder / "values.env"
        file.write_text(text)
        out, _ = await self.krt("import", *self.checkout, "-f", str(file), "-o", "json", *words, code=code)
        found: dict[str, Any] = json.loads(out)
        return found

    async def source(self, name: str = "checkout") -> Object:
        return await self.server.get("Secret", self.namespace, name, "v1")

    async def data(self) -> dict[str, str]:
        return {key: base64.b64decode(text).decode() for key, text in (await self.source())["data"].items()}

    async def label(self, environment: str) -> None:
        await label_environment(self.server, self.namespace, environment)


@pytest.fixture
async def desk(apiserver: ApiServer, namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    environment = f"of-{namespace}"
    await label_environment(apiserver, namespace, environment)
    return Desk(apiserver, namespace, environment, tmp_path, apiserver.control_plane.kubeconfig, capsys)


async def test_an_import_creates_changes_and_leaves_alone(desk: Desk) -> None:
    created = await desk.imported(f"A='{CANARY}'\nB=2\n")
    assert (created["change"], created["keys"]["added"]) == ("created", ["A", "B"])
    assert created["secret"] == {"namespace": desk.namespace, "name": "checkout"}
    secret = await desk.source()
    assert secret["metadata"]["labels"] == {"krt/app": "checkout"}
    assert (await desk.imported(f"A='{CANARY}'\n"))["change"] == "unchanged"
    assert (await desk.source())["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]
    keys = (await desk.imported(f"B=3\nC='{CANARY}'\n", "--dry-run"))["keys"]
    assert (keys["added"], keys["changed"], keys["kept"]) == (["C"], ["B"], ["A"])
    assert (await desk.source())["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]
    await desk.imported(f"B=3\nC='{CANARY}'\n")
    assert await desk.data() == {"A": CANARY, "B": "3", "C": CANARY}
    assert (await desk.imported("B=3\n", "--replace"))["keys"]["removed"] == ["A", "C"]
    assert await desk.data() == {"B": "3"}


async def test_a_role_in_the_namespace_is_enough(desk: Desk, apiserver: ApiServer, namespace: str) -> None:
    account = await apiserver.account(namespace, "importer", IMPORTER_RULES)
    own = Desk(apiserver, namespace, desk.environment, desk.folder, account.kubeconfig, desk.capsys)
    assert (await own.imported(f"A='{CANARY}'\n", "-n", namespace))["change"] == "created"
    assert (await own.imported(f"A='{CANARY}2'\n", "-n", namespace))["change"] == "configured"
    out, _ = await own.krt("redeliver", *own.checkout, "-n", namespace, "--move", "-o", "json")
    annotations = (await desk.source())["metadata"]["annotations"]
    assert annotations == {"krt/redeliver": json.loads(out)["token"], "krt/move": desk.environment}
    out, _ = await own.krt("redeliver", *own.checkout, "-n", namespace)
    assert "asked for a redelivery" in out
    again = (await desk.source())["metadata"]["annotations"]
    assert set(again) == {"krt/redeliver"}
    assert again["krt/redeliver"] != annotations["krt/redeliver"]
    _, err = await own.krt("redeliver", *own.checkout, code=1)
    assert "cannot list resource" in err


async def test_a_namespace_of_another_environment_is_refused(desk: Desk) -> None:
    """C3, C4: nothing is written where the environment is another one, none, or not the only one."""
    await desk.label("other")
    [problem] = (await desk.imported("A=1\n", code=2))["problems"]
    assert problem.startswith(f"no namespace is labelled krt/environment={desk.environment}: kubectl label namespace")
    [problem] = (await desk.imported("A=1\n", "-n", desk.namespace, code=2))["problems"]
    assert problem.startswith(f"namespace {desk.namespace} is labelled krt/environment=other")
    [problem] = (await desk.imported("A=1\n", "-n", "no-such-namespace", code=2))["problems"]
    assert problem == "there is no namespace no-such-namespace: -n names the environment's namespace"
    await desk.label(desk.environment)
    twin = await desk.server.create_namespace()
    await label_environment(desk.server, twin, desk.environment)
    [problem] = (await desk.imported("A=1\n", code=2))["problems"]
    await desk.server.delete_namespace(twin)
    assert problem.startswith(f"the namespaces {', '.join(sorted((desk.namespace, twin)))} are all labelled")
    listed = await desk.server.request("GET", f"/api/v1/namespaces/{desk.namespace}/secrets")
    assert listed["items"] == []


def a_secret(namespace: str, name: str, labels: Mapping[str, str], **more: Any) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": dict(labels), **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"A": "Yg=="}, **more}


async def test_a_secret_that_somebody_else_keeps_is_refused(desk: Desk) -> None:
    labels, keeper = {"krt/app": "checkout"}, {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret"}
    owner = {**keeper, "name": "checkout", "uid": "1", "controller": True}
    kept = a_secret(desk.namespace, "kept", labels, metadata={"ownerReferences": [owner]})
    for secret, sentence in (
        (a_secret(desk.namespace, "checkout", {}), "exists without the label: kubectl label secret -n"),
        (kept, "belongs to ExternalSecret checkout, which would undo the import"),
        (a_secret(desk.namespace, "frozen", labels, immutable=True), "is immutable: delete it first"),
    ):
        [made] = await desk.server.apply(secret)
        [problem] = (await desk.imported("A=1\n", code=2))["problems"]
        assert sentence in problem
        assert (await desk.source(secret["metadata"]["name"]))["data"] == made["data"]
        await desk.server.request("DELETE", f"/api/v1/namespaces/{desk.namespace}/secrets/{secret['metadata']['name']}")
    await desk.server.apply(*(a_secret(desk.namespace, name, labels) for name in ("one", "two")))
    for words in (
        ("import", *desk.checkout, "-f", str(desk.folder / "values.env")),
        ("redeliver", *desk.checkout),
    ):
        _, err = await desk.krt(*words, code=2)
        assert "one, two are all labelled krt/app=checkout: leave it on one Secret" in err


async def test_an_app_without_a_secret_cannot_be_redelivered(desk: Desk) -> None:
    _, err = await desk.krt("redeliver", *desk.checkout, code=2)
    assert f"namespace {desk.namespace} has no Secret that is labelled krt/app=checkout" in err


async def test_the_api_servers_refusal_has_no_value(desk: Desk) -> None:
    tls = a_secret(desk.namespace, "checkout", {"krt/app": "checkout"}, type="kubernetes.io/tls")
    await desk.server.apply({**tls, "data": {"tls.crt": "", "tls.key": ""}})
    [problem] = (await desk.imported(f"A='{CANARY}'\n", "--replace", code=1))["problems"]
    assert "tls" in problem


READER_RULES: tuple[Object, ...] = ({"apiGroups": ["krt.internal"], "resources": ["apps"], "verbs": ["get", "list"]},)


async def test_the_status_of_apps_is_a_table(desk: Desk, apiserver: ApiServer, namespace: str) -> None:
    await serve(apiserver, app_crd())
    effect = an_effect()
    entry = {
        **an_entry("checkout", namespace, "web", effect),
        "environment": desk.environment,
        "digest": "sha256:0a1b2c3d4e5f6a7b",
    }
    spec = {"deployments": ["web", "worker"], "reload": "manual"}
    await put_app(apiserver, "checkout", effect, [{**entry, "mode": "ignore"}], {desk.environment: spec})
    reader = await apiserver.account(namespace, "reader", READER_RULES, everywhere=True)
    own = Desk(apiserver, namespace, desk.environment, desk.folder, reader.kubeconfig, desk.capsys)
    out, _ = await own.krt("status", "checkout")
    heading, web, worker, *problems = out.splitlines()
    assert heading.split() == [
        "APP",
        "ENVIRONMENT",
        "DEPLOYMENT",
        "STATE",
        "DIGEST",
        "STRATEGY",
        "RELOAD",
        "MODE",
        "DELIVERED",
    ]
    assert " ".join(web.split()) == (
        f"checkout {desk.environment} web Delivered 0a1b2c3d4e5f env auto (next: manual) ignore -"
    )
    assert " ".join(worker.split()) == f"checkout {desk.environment} worker Waiting - (next: env) (next: manual) - -"
    assert problems == ["checkout: krt controller has not looked at the newest version of this App yet"]
    every = json.loads((await own.krt("status", "-o", "json"))[0])
    assert every["status"] == "ok"
    [app] = every["apps"]
    assert [each["deployment"] for each in app["deployments"]] == ["web", "worker"]
    assert app["deployments"][0]["inEffect"] == {"strategy": "env", "mountPath": "", "reload": "auto"}
    _, err = await own.krt("status", "other", code=2)
    assert "there is no App other" in err
    await desk.imported("A=1\n")
    out, _ = await desk.krt("redeliver", "checkout")  # each environment of the App
    assert "krt/redeliver" in (await desk.source())["metadata"]["annotations"]
    await remove_apps(apiserver)
    out, _ = await own.krt("status")
    assert out == "no App names a Deployment\n"
