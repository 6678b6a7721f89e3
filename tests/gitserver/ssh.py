"""A real OpenSSH server on loopback that lets one key in, as the user who runs the tests."""

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.listening import await_port
from tests.fakes.ports import free_ports

PROGRAMS = ("git", "ssh", "ssh-keygen", "sshd")
INSTALL_COMMAND = "tests/gitserver/install"
_PATH = f"{os.environ['PATH']}:/usr/sbin"


@dataclass(frozen=True, slots=True)
class SshServer:
    """A running one. `key` is the private key that it lets in, `known_hosts` the line that names its own."""

    port: int
    user: str
    key: bytes
    known_hosts: bytes

    def url(self, folder: Path) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{folder}"


def missing_programs() -> tuple[str, ...]:
    return tuple(name for name in PROGRAMS if shutil.which(name, path=_PATH) is None)


def make_key(file: Path, *, passphrase: str = "") -> bytes:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", str(file)], check=True)
    return file.read_bytes()


@contextmanager
def ssh_server(folder: Path, *, accepts_v2: bool = True) -> Iterator[SshServer]:
    """Run sshd until the end of the block."""
    folder.mkdir(parents=True)
    (port,) = free_ports(1)
    make_key(folder / "host")
    key = make_key(folder / "user")
    config = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder}/host",
        f"AuthorizedKeysFile {folder}/user.pub",
        "PidFile none",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        *(["AcceptEnv GIT_PROTOCOL"] if accepts_v2 else []),
    ]
    (folder / "config").write_text("\n".join(config))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd confines the process that speaks with strangers
    program = shutil.which("sshd", path=_PATH)
    assert program
    command = [program, "-D", "-e", "-f", str(folder / "config")]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            await_port(port, process, folder / "log")
            host = (folder / "host.pub").read_bytes().strip()
            yield SshServer(port, getpass.getuser(), key, b"[127.0.0.1]:%d %s\n" % (port, host))
        finally:
            process.kill()
