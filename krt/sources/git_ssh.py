"""git over ssh, by the program `ssh`: with the key and known hosts of one Secret, and no other file of this machine.

No configuration of ssh is read, no agent is asked, and only the given host keys count. Key and known
hosts are files in memory, because ssh takes them by their paths only.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import trio

from krt.core.bundle.tree import MOST_BYTES
from krt.secret import Secret
from krt.sources.errors import SourceDenied, SourceRefused, SourceUnavailable
from krt.sources.git_address import SshAddress
from krt.sources.git_client import (
    MOST_REFS_BYTES,
    NOT_OUR_REF,
    FetchedPack,
    GitHangup,
    StreamPackClient,
    Wanted,
    fetch_pack,
    said,
)
from krt.sources.reference import is_link_local
from krt.sources.way import LeadsToLinkLocal

CONNECT_SECONDS = 15
_SECONDS_TO_END = 5
_PIECE = 64 * 1024
_MOST_SAID = 4096
_OVERHEAD = 2 * 1024 * 1024  # of the protocol around a pack, and progress
_PACK_FOLLOWS = b"0009done\n"
_SSH_FAILED = 255  # ssh(1), EXIT STATUS: an error of its own; else it is the remote command's
_OPTIONS = (
    "BatchMode=yes",
    "PreferredAuthentications=publickey",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "GlobalKnownHostsFile=none",
    "UpdateHostKeys=no",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    "RequestTTY=no",
    "LogLevel=ERROR",
    "SendEnv=GIT_PROTOCOL",
    f"ConnectTimeout={CONNECT_SECONDS}",
    "ServerAliveInterval=15",
)


@dataclass(frozen=True, slots=True)
class SshLogin:
    """A private key and the lines of a known_hosts file; None accepts any host key."""

    key: Secret
    known_hosts: str | None


async def fetch_by_ssh(address: SshAddress, wanted: Wanted, login: SshLogin) -> FetchedPack:
    """Fetch the pack. Raises SourceRefused, SourceDenied and SourceUnavailable."""
    program = await trio.to_thread.run_sync(shutil.which, "ssh", abandon_on_cancel=True)
    if program is None:
        raise SourceRefused("krt has no program `ssh`, which git over ssh needs")
    await _check_addresses(address)
    with _in_memory(login.key.reveal()) as key, _in_memory(login.known_hosts or "") as hosts:
        words = [program, *_words(address, key, hosts, is_strict=login.known_hosts is not None)]
        return await _run(words, address, wanted)


async def _check_addresses(address: SshAddress) -> None:
    host = address.host.strip("[]")
    try:
        found = await trio.socket.getaddrinfo(host, address.port or 22, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SourceUnavailable(f"{address.host} cannot be reached ({error.strerror})") from None
    if any(is_link_local(str(place[0])) for *_, place in found):
        raise LeadsToLinkLocal


def _words(address: SshAddress, key: str, hosts: str, *, is_strict: bool) -> list[str]:
    options = (
        *_OPTIONS,
        f"IdentityFile={key}",
        f"UserKnownHostsFile={hosts}",
        f"StrictHostKeyChecking={'yes' if is_strict else 'no'}",
    )
    port = ("-p", str(address.port)) if address.port else ()
    user = ("-l", address.user) if address.user else ()
    quoted = address.path.replace("'", "'\\''")
    flags = [word for option in options for word in ("-o", option)]
    return ["-F", "none", "-T", *flags, *port, *user, "--", address.host.strip("[]"), f"git-upload-pack '{quoted}'"]


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """The path of a file in memory that this process's user alone may read, during the block."""
    with os.fdopen(os.memfd_create("krt"), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text.rstrip("\n").encode() + b"\n")  # ssh reads no key whose last line does not end
        file.flush()
        yield f"/proc/{os.getpid()}/fd/{file.fileno()}"


async def _run(words: list[str], address: SshAddress, wanted: Wanted) -> FetchedPack:
    process = await trio.lowlevel.open_process(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", ""), "GIT_PROTOCOL": "version=2"},
        start_new_session=True,  # so that Ctrl-C does not reach ssh
    )
    speech = _Speech(process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(speech.hear_errors)
            outcome = await _outcome(speech, address, wanted)
            if isinstance(outcome, GitHangup):
                await speech.end()
            nursery.cancel_scope.cancel()
    finally:
        await _kill(process)
    if isinstance(outcome, GitHangup):
        raise _why(address, outcome, process.returncode, speech.last_line)
    if isinstance(outcome, SourceRefused):
        raise outcome
    return outcome


async def _outcome(speech: "_Speech", address: SshAddress, wanted: Wanted) -> FetchedPack | SourceRefused:
    client = StreamPackClient(
        lambda: trio.from_thread.run(speech.receive), lambda data: trio.from_thread.run(speech.send, data)
    )
    try:
        return await trio.to_thread.run_sync(fetch_pack, client, address.host, address.path, wanted)
    except SourceRefused as error:
        return error


class _Speech:
    """The bytes between ssh and krt. `receive` takes MOST_REFS_BYTES before the pack, then as many as a pack has."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._left = MOST_REFS_BYTES
        self._errors = bytearray()
        self._heard = trio.Event()

    @property
    def last_line(self) -> str:
        """The last line on the standard error of ssh, which has the server's errors, too; "" if there is none."""
        lines = self._errors.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    async def receive(self) -> bytes:
        piece = bytes(await self._stdout.receive_some(_PIECE))
        self._left -= len(piece)
        if self._left < 0:
            raise SourceRefused("the git server sends more than krt takes")
        return piece

    async def send(self, data: bytes) -> None:
        if data == _PACK_FOLLOWS:
            self._left = MOST_BYTES + _OVERHEAD
        with suppress(trio.BrokenResourceError):  # ssh has ended; the next `receive` finds the end
            await self._stdin.send_all(data)

    async def hear_errors(self) -> None:
        async for piece in self._stderr:
            self._errors += piece
            del self._errors[:-_MOST_SAID]
        self._heard.set()

    async def end(self) -> None:
        """Wait until ssh has ended and said why."""
        with trio.move_on_after(_SECONDS_TO_END):
            await self._stdin.aclose()
            await self._process.wait()
            await self._heard.wait()


async def _kill(process: trio.Process) -> None:
    with suppress(ProcessLookupError):
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    with trio.CancelScope(shield=True):
        await process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                await stream.aclose()


def _why(
    address: SshAddress, hangup: GitHangup, code: int | None, last_line: str
) -> SourceRefused | SourceDenied | SourceUnavailable:
    if code != _SSH_FAILED:
        return SourceRefused(f"{address.host} refuses: {said(last_line)}") if _says_more(last_line) else hangup
    if "Host key verification failed" in last_line:
        return SourceRefused(f"{address.host} has no host key that the Secret's ssh-knownhosts names")
    if "Permission denied" in last_line:
        return SourceDenied(f"{address.host} does not accept the key in the Secret's ssh-privatekey")
    return SourceUnavailable(f"{address.host} cannot be reached by ssh ({said(last_line)})")


def _says_more(last_line: str) -> bool:
    return last_line != "" and NOT_OUR_REF not in last_line
