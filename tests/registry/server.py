"""A real registry, distribution's, as a process on loopback: plain, with users, with TLS of an authority of its own."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.fakes.listening import await_port
from tests.fakes.ports import free_ports

PROGRAMS = ("docker-registry", "skopeo")
INSTALL_COMMAND = "tests/registry/install"
USER, PASSWORD = "robot", "correct horse"
_HTPASSWD = (
    "robot:$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n"  # bcrypt of PASSWORD, at its lowest cost
)


@dataclass(frozen=True, slots=True)
class RegistryServer:
    """A running one. `host` has the port; `ca_file` is its authority's, if it speaks TLS."""

    host: str
    folder: Path
    ca_file: Path | None = None

    def blob(self, digest: str) -> Path:
        """The file in which the registry keeps a blob or a manifest."""
        name = digest.removeprefix("sha256:")
        return self.folder / "data/docker/registry/v2/blobs/sha256" / name[:2] / name / "data"


def missing_programs() -> tuple[str, ...]:
    return tuple(name for name in PROGRAMS if shutil.which(name) is None)


@contextmanager
def registry_server(folder: Path, *, with_users: bool = False, with_tls: bool = False) -> Iterator[RegistryServer]:
    """Run a registry until the end of the block."""
    (port,) = free_ports(1)
    http: dict[str, object] = {"addr": f"127.0.0.1:{port}"}
    ca_file = _certify(folder, http) if with_tls else None
    config: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": http,
    }
    if with_users:
        (folder / "htpasswd").write_text(_HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(json.dumps(config))
    command = ["docker-registry", "serve", str(folder / "config.yml")]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            await_port(port, process, folder / "log")
            yield RegistryServer(f"127.0.0.1:{port}", folder, ca_file)
        finally:
            process.kill()


def _certify(folder: Path, http: dict[str, object]) -> Path:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    certificate.private_key_pem.write_to_path(str(folder / "tls.key"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(folder / "tls.crt"), append=True)
    http["tls"] = {"certificate": str(folder / "tls.crt"), "key": str(folder / "tls.key")}
    return folder / "ca.crt"


def trusting(server: RegistryServer) -> ssl.SSLContext:
    """The TLS context of a client that trusts the server's authority."""
    return ssl.create_default_context(cafile=server.ca_file)
