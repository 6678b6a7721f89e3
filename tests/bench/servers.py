"""What krt needs around it, real: etcd and kube-apiserver, a Valkey that keeps what it answers, an issuer of tokens."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from krt.dev.issuer import StandInIssuer
from krt.dev.valkey import EmbeddedValkey, open_valkey
from tests.apiserver.control_plane import ControlPlane
from tests.bench.fleet import Fleet
from tests.fakes.served import served

AUDIENCE = "https://krt.example.com"

_repositories = cycle(range(10_000, 11_000))  # so many that no limit of theirs is reached


@dataclass(frozen=True, slots=True)
class Servers:
    """`environ` of each role says where they are."""

    folder: Path
    issuer: StandInIssuer
    valkey: EmbeddedValkey
    control_plane: ControlPlane | None = None
    fleet: Fleet | None = None

    def environ(self, role: str) -> dict[str, str]:
        common = {
            "VALKEY_ADDR": self.valkey.address,
            "ALLOWED_IMAGE_PREFIX": "ghcr.io/acme/",
            "KRT_ADMIN_ADDR": "127.0.0.1:0",
            "KRT_MAX_JOURNAL": "10000000",
        }
        if role == "web":
            return common | {
                "KRT_OIDC_ISSUER": self.issuer.url,
                "GITHUB_OIDC_AUDIENCE": AUDIENCE,
                "GITHUB_ALLOWED_ORG": "acme@65",
                "WEB_LISTEN_ADDR": "127.0.0.1:0",
                "KRT_TRUSTED_PROXIES": "127.0.0.1/32",  # no cap for the one peer that knocks here
            }
        assert self.control_plane is not None
        return common | {
            "KUBECONFIG": str(self.control_plane.kubeconfig),
            "KRT_MIN_INTERVAL": "1ms",
            "KRT_RESTARTS_PER_SECOND": "10000",
        }

    def knock(self, image: str, *, token: str | None = None) -> bytes:
        """The bytes of a call that announces the image's tag `dev`."""
        body = json.dumps({"image": image, "tags": ["dev"]}).encode()
        token = token or self.issuer.token(AUDIENCE, repository_id=str(next(_repositories)))
        head = f"POST /event HTTP/1.1\r\nHost: krt.example.com\r\nAuthorization: Bearer {token}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def servers(folder: Path, *, cluster: bool) -> AsyncIterator[Servers]:
    """Started, until the end of the block. No controllers: a patch is a patch, and no rollout disturbs the next."""
    issuer = StandInIssuer()
    async with served(issuer) as issuer.url, open_valkey(durable=True) as valkey:
        if not cluster:
            yield Servers(folder, issuer, valkey)
            return
        control_plane = ControlPlane(folder)
        try:
            control_plane.etcd.spawn()
            control_plane.apiserver.spawn()
            await control_plane.wait_ready()
            yield Servers(folder, issuer, valkey, control_plane, Fleet(control_plane))
        finally:
            control_plane.stop()
