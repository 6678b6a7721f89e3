"""A runtime and a bundle with its values, on a real API server: registry and module on loopback."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.kubelet import open_kubelet
from tests.apiserver.server import ApiServer
from tests.core.fleet.documents import DOCUMENTS
from tests.cuelang.modules import SHOP, image_of
from tests.delivery.commands import Done
from tests.fakes.process import process
from tests.registry.server import RegistryServer
from tests.sources.pulling import pushed

pytestmark = pytest.mark.apiserver

PEM = "-----BEGIN CERTIFICATE-----\nMIIC/jCC\nAeagAwI\n-----END CERTIFICATE-----\n"
ACCOUNT = "1234567890"
# A name that leads to loopback, in the place of the bundle's registry.
REGISTRY = ".registry.\\(_reg).example/"


@pytest.fixture
async def platform(apiserver: ApiServer) -> AsyncIterator[None]:
    await apiserver.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "platform"}})
    secret = {"password": base64.b64encode(b"hunter2").decode(), "ca.crt": base64.b64encode(PEM.encode()).decode()}
    await apiserver.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "cloud-info", "namespace": "platform"},
            "data": {"account": ACCOUNT, "region": "eu-north-1"},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "cache-auth", "namespace": "platform"},
            "data": secret,
        },
    )
    yield
    for name in ("platform", "shop"):
        await apiserver.free_namespace(name)


@pytest.fixture
async def documents(registry: RegistryServer, tmp_path: Path) -> Path:
    bundle = DOCUMENTS["the example's bundle"]
    assert f"\\(_id){REGISTRY}" in bundle
    (tmp_path / "runtime.cue").write_text(DOCUMENTS["the example's runtime"])
    (tmp_path / "bundle.cue").write_text(bundle.replace(f"\\(_id){REGISTRY}", f"{registry.host}/\\(_id)/\\(_reg)/"))
    await pushed(f"{registry.host}/{ACCOUNT}/eu-north-1/modules/shop:latest", image_of(SHOP, "6.3.5"))
    return tmp_path


async def run(apiserver: ApiServer, folder: Path, *words: str, **environ: str) -> Done:
    files = [str(folder / word) if word.endswith(".cue") else word for word in words]
    command = (*files, "--kubeconfig", str(apiserver.control_plane.kubeconfig))
    async with process(*command, environ={"HOME": str(folder), **environ}) as running:
        return Done(await running.ended(), running.out, running.err)


async def test_the_first_example(
    apiserver: ApiServer, platform: None, documents: Path, registry: RegistryServer, cue_program: Path
) -> None:
    """Both commands, with their lines in order."""
    built = await run(apiserver, documents, "runtime", "build", "-f", "runtime.cue")
    pem = "".join(f"  {line}\n" for line in PEM.splitlines())
    assert built.out == f"ACCOUNT: {ACCOUNT}\nREGION: eu-north-1\nCACHE_PASSWORD: hunter2\nCACHE_CA:\n{pem}"
    apply = ("bundle", "apply", "-f", "bundle.cue", "--runtime", "runtime.cue")
    without = await run(apiserver, documents, *apply, PATH="/nonexistent")
    assert without.code == 2
    assert "is a CUE program: install cue" in without.err
    async with open_kubelet(apiserver.client, "shop"):
        done = await run(apiserver, documents, *apply, KRT_CUE=str(cue_program))
    assert done.code == 0, done
    assert done.err.splitlines()[1:] == [
        "applying instance shop",
        f"pulling oci://{registry.host}/{ACCOUNT}/eu-north-1/modules/shop",
        "using module acme.example/shop version 6.3.5",
        "installing shop in namespace shop",
        "ServiceAccount/shop/shop created",
        "Service/shop/shop created",
        "Deployment/shop/shop created",
        "waiting for 3 resource(s) to become ready...",
        "resources are ready",
    ]
    deployment: dict[str, Any] = await apiserver.get("Deployment", "shop", "shop")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["--cache-server=tcp://:hunter2@cache.platform:6379"]
    shown = await run(apiserver, documents, *apply, "--diff", "--dry-run", KRT_CUE=str(cue_program))
    assert "hunter2" not in done.out + done.err + shown.out + shown.err
    again = await run(apiserver, documents, *apply, KRT_CUE=str(cue_program))
    assert again.out == "bundle shop: 3 unchanged\n"
