"""A Valkey with deploy/valkey/valkey.conf starts, and keeps what krt needs kept."""

import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from krt.broker.client import Client, open_client
from krt.broker.durability import durability_problems
from krt.broker.endpoint import parse_endpoint
from krt.dev.valkey import server_binary
from krt.secret import Secret
from tests.apiserver.processes import Process
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.valkey_users import ACL_FILE, deployed_users, password_of

CONF_FILE = ACL_FILE.with_name("valkey.conf")


@pytest.fixture
def users(tmp_path: Path) -> Path:
    users = tmp_path / "users.acl"
    users.write_text("".join(f"{line}\n" for line in deployed_users()))
    return users


@pytest.fixture
async def worker(tmp_path: Path, users: Path) -> AsyncIterator[Client]:
    """The worker's client at a server whose file is the deployed one; only its places are the test's."""
    unix_socket, conf = tmp_path / "valkey.sock", tmp_path / "valkey.conf"
    conf.write_text(CONF_FILE.read_text().replace("/data", str(tmp_path)).replace("/etc/valkey/users.acl", str(users)))
    server = Process(server_binary(), [str(conf), "--port", "0", "--unixsocket", str(unix_socket)], tmp_path / "log")
    server.spawn()
    try:
        # Its file is there before it takes calls.
        await until_on_trio_clock(lambda: answers(unix_socket) or not server.running)
        assert server.running, server.last_output()
        endpoint = replace(parse_endpoint(f"unix://{unix_socket}"), username="krt-worker", password=a_password())
        async with open_client(endpoint) as client:
            yield client
    finally:
        server.send_kill()
        server.reap()


def answers(unix_socket: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as one, suppress(OSError):
        one.connect(str(unix_socket))
        one.sendall(b"PING\r\n")
        return one.recv(64).startswith(b"-NOAUTH")
    return False


def a_password() -> Secret:
    return Secret(password_of("krt-worker"))


async def test_krt_finds_nothing_wrong_with_it(worker: Client) -> None:
    assert await durability_problems(worker) == ()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("appendfsync", b"always"),
        ("no-appendfsync-on-rewrite", b"no"),
        ("maxmemory", b"%d" % (512 * 1024 * 1024)),
        ("maxmemory-policy", b"noeviction"),
        ("save", b""),
    ],
)
async def test_its_settings_are_in_force(worker: Client, setting: str, value: bytes) -> None:
    assert await worker.call("CONFIG", "GET", setting) == [setting.encode(), value]
