"""Who runs kuberollouttrigger changes the image: its documented variables, flags and probes start krt as they are."""

from pathlib import Path

import httpx
import pytest
import trio

from krt.cli.main import main
from krt.dev.embed import embedded
from krt.settings.load import load
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fault.krt_process import Krt

# From its docs/DEPLOYMENT.md and docs/CONFIGURATION.md.
COMMON = {
    "LOG_LEVEL": "warn",
    "VALKEY_ADDR": "valkey:6379",
    "VALKEY_CHANNEL": "kuberollouttrigger",
    "VALKEY_USERNAME": "default",
    "VALKEY_PASSWORD": "your-valkey-password",
    "VALKEY_TLS_ENABLED": "false",
    "ALLOWED_IMAGE_PREFIX": "ghcr.io/unitvectory-labs/",
}
WEB = COMMON | {
    "WEB_LISTEN_ADDR": ":8080",
    "GITHUB_OIDC_AUDIENCE": "https://kuberollouttrigger.example.com",
    "GITHUB_ALLOWED_ORG": "unitvectory-labs",
    "DEV_MODE": "false",
}
WORKER = COMMON | {"KUBECONFIG": ""}
# What Kubernetes adds for its Services.
INJECTED = {
    "KUBERNETES_SERVICE_HOST": "10.0.0.1",
    "KUBERNETES_SERVICE_PORT_HTTPS": "443",
    "KUBEROLLOUTTRIGGER_WEB_SERVICE_HOST": "10.0.0.2",
    "KUBEROLLOUTTRIGGER_WEB_PORT": "tcp://10.0.0.2:80",
    "VALKEY_SERVICE_HOST": "10.0.0.3",
    "VALKEY_PORT": "tcp://10.0.0.3:6379",
    "VALKEY_PORT_6379_TCP_ADDR": "10.0.0.3",
}


@pytest.mark.parametrize(("role", "variables"), [("web", WEB), ("worker", WORKER)])
def test_its_variables_are_taken(role: str, variables: dict[str, str]) -> None:
    settings = load(role, {}, variables | INJECTED)
    assert settings.valkey.channel == "kuberollouttrigger"
    assert not settings.valkey.tls
    if settings.web:
        assert str(settings.web.listen).endswith(":8080")


def test_its_flags_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    flags = [
        *("--valkey-addr", "valkey:6379", "--valkey-tls=false", "--log-level=warn"),
        *("--github-oidc-audience", "https://kuberollouttrigger.example.com"),
        *("--github-allowed-org", "unitvectory-labs", "--allowed-image-prefix", "ghcr.io/unitvectory-labs/"),
    ]
    assert main(["config", "web", *flags]) == 0
    assert "ghcr.io/unitvectory-labs" in capsys.readouterr().out


async def test_its_manifests_start_web_and_worker(tmp_path: Path) -> None:
    """Its probes are GET /healthz at the public port; it has none for the worker. Only places are the test's own."""
    async with embedded() as dev:
        places = {"VALKEY_ADDR": dev.environ["VALKEY_ADDR"], "VALKEY_USERNAME": "", "VALKEY_PASSWORD": ""}
        web = Krt("web", tmp_path, WEB | INJECTED | places | {"KRT_OIDC_ISSUER": dev.environ["KRT_OIDC_ISSUER"]})
        worker = Krt("worker", tmp_path, WORKER | INJECTED | places | {"KUBECONFIG": dev.environ["KUBECONFIG"]})
        try:
            for krt in (web, worker):
                krt.spawn()
            for krt in (web, worker):
                await krt.wait_ready()
            async with httpx.AsyncClient(trust_env=False) as kubelet:
                with trio.fail_after(PATIENCE_SECONDS):
                    assert (await kubelet.get(f"{web.url}/healthz")).status_code == 200
        finally:
            for krt in (web, worker):
                krt.process.send_kill()
                krt.process.reap()
