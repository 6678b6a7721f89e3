"""Runs a kubeconfig's exec plugin (client.authentication.k8s.io) within bounds. An error is one sentence."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import trio

from krt.cluster.kubeconfig import Exec, Unusable, without_nulls

SECONDS = 30.0  # for one run, which may ask a cloud for a token
MOST_BYTES = 1024 * 1024  # of each output
_MOST_SAID = 1000  # characters from the end of standard error that a sentence quotes

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class Given(msgspec.Struct, rename="camel", frozen=True):
    """The status that a plugin prints: a token, or a certificate and key as PEM text, and when they end."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None

    def left_seconds(self) -> float | None:
        """The seconds until the credentials end, negative if they have ended; None if the plugin gave no end."""
        ends = self.expiration_timestamp
        if ends is None:
            return None
        return ((ends if ends.tzinfo else ends.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()


class _Credential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: Given | None = None


def check(plugin: Exec) -> None:
    """Raise Unusable if the plugin's entry in the kubeconfig is wrong, or asks for something that krt does not do."""
    if not plugin.command:
        raise Unusable("its exec plugin names no command")
    if plugin.api_version not in _VERSIONS:
        raise Unusable(
            f"its exec plugin has the apiVersion {plugin.api_version!r}, krt knows {' and '.join(_VERSIONS)}"
        )
    if plugin.interactive_mode == "Always":
        raise Unusable("its exec plugin wants to ask a person (interactiveMode: Always), and krt asks none")
    if plugin.interactive_mode not in {"", "Never", "IfAvailable"}:
        raise Unusable("its exec plugin has an interactiveMode that is none of Never, IfAvailable and Always")
    _check_texts(plugin)


def _check_texts(plugin: Exec) -> None:
    variables = plugin.env or ()
    if any(not each.name or "=" in each.name for each in variables):
        raise Unusable("its exec plugin has a variable in env whose name is empty or contains =: correct the name")
    texts = {
        "command": [plugin.command],
        "args": plugin.args or [],
        "env": [text for each in variables for text in (each.name, each.value)],
    }
    for field, given in texts.items():
        if not all(map(_can_be_given, given)):
            raise Unusable(f"its exec plugin has something in {field} that no program can be given, such as a NUL byte")


def _can_be_given(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # the encoding of the process's locale does not have the character
        return False


async def run(plugin: Exec, folder: Path, cluster: Mapping[str, Any]) -> Given:
    """Run the plugin and return its credentials. Raises Unusable.

    A relative command with a slash is relative to `folder`. The plugin gets `cluster` if its entry in the kubeconfig
    asks for that (provideClusterInfo).
    """
    name = plugin.command
    try:
        with trio.fail_after(SECONDS):
            code, printed, said = await _ran(plugin, folder, cluster)
    except OSError as error:
        raise Unusable(f"its exec plugin {name!r} cannot be run ({error.strerror}).{_hint(plugin)}") from error
    except trio.TooSlowError as error:
        raise Unusable(f"its exec plugin {name!r} did not end within {SECONDS:g} s, and was killed") from error
    if printed.is_too_much or said.is_too_much:
        raise Unusable(f"its exec plugin {name!r} printed more than {MOST_BYTES // 1024} KiB, and was killed")
    if code:
        raise Unusable(f"its exec plugin {name!r} failed with exit code {code}{_quoted(said.kept)}")
    return _given(plugin, bytes(printed.kept))


class _Outlet:
    """The output of one pipe. If `most` is negative, only the last `-most` bytes are kept."""

    def __init__(self, most: int) -> None:
        self.kept = bytearray()
        self.is_too_much = False
        self._most = most
        self._total = 0

    async def take(self, stream: trio.abc.ReceiveStream | None, scope: trio.CancelScope) -> None:
        """Read to the end. After more than MOST_BYTES, note that and cancel `scope`."""
        assert stream is not None, "asked for as a pipe"
        async with stream:
            async for chunk in stream:
                self._total += len(chunk)
                self.kept += chunk
                if self._most < 0:
                    del self.kept[: self._most]
                if self._total > MOST_BYTES:
                    self.is_too_much = True
                    scope.cancel()


async def _ran(plugin: Exec, folder: Path, cluster: Mapping[str, Any]) -> tuple[int, _Outlet, _Outlet]:
    """The plugin's exit code, its standard output, and the end of its standard error."""
    printed, said = _Outlet(MOST_BYTES), _Outlet(-4 * _MOST_SAID)
    process = await trio.lowlevel.open_process(
        [await _program(plugin, folder), *(plugin.args or ())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(plugin, cluster),
        start_new_session=True,  # so that its children can be killed with it, and Ctrl-C does not reach it
    )
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(printed.take, process.stdout, nursery.cancel_scope)
            nursery.start_soon(said.take, process.stderr, nursery.cancel_scope)
            await process.wait()
            # A process that the plugin has started in the background may hold the pipes open for ever.
            nursery.cancel_scope.deadline = trio.current_time() + 1
    finally:
        await _end(process)
    return process.returncode or 0, printed, said


async def _end(process: trio.Process) -> None:
    with suppress(ProcessLookupError):  # if all processes of the session have ended
        os.killpg(process.pid, signal.SIGKILL)
    with trio.CancelScope(shield=True):
        await process.wait()


async def _program(plugin: Exec, folder: Path) -> str:
    """The path of the program. Raises Unusable if the program is not on krt's PATH.

    A command without a slash is looked up on krt's own PATH, not on a PATH in the plugin's `env`. A program in a
    relative folder of the PATH does not count. Both are so in Go's os/exec, with which kubectl runs plugins.
    """
    if os.sep in plugin.command:
        return str(folder / plugin.command)
    look = partial(shutil.which, plugin.command, path=os.environ.get("PATH", ""))
    found = await trio.to_thread.run_sync(look, abandon_on_cancel=True)
    if found is None or not Path(found).is_absolute():
        raise Unusable(f"its exec plugin {plugin.command!r} is not on krt's PATH.{_hint(plugin)}")
    return found


def _environment(plugin: Exec, cluster: Mapping[str, Any]) -> Mapping[str, str]:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.provide_cluster_info:
        spec["cluster"] = cluster
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    own = {each.name: each.value for each in plugin.env or ()}
    return {**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(info, default=str)}


def _given(plugin: Exec, printed: bytes) -> Given:
    name = plugin.command
    try:
        credential = msgspec.convert(without_nulls(msgspec.json.decode(printed)), _Credential)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unusable(f"its exec plugin {name!r} printed something that is not an ExecCredential") from error
    if credential.kind != "ExecCredential" or credential.status is None:
        raise Unusable(f"its exec plugin {name!r} printed no ExecCredential with a status")
    if credential.api_version != plugin.api_version:
        raise Unusable(f"its exec plugin {name!r} printed another apiVersion than {plugin.api_version}")
    given = credential.status
    if bool(given.client_certificate_data) != bool(given.client_key_data):
        raise Unusable(f"its exec plugin {name!r} gave a certificate without its key, or a key alone")
    if not given.token and not given.client_certificate_data:
        raise Unusable(f"its exec plugin {name!r} gave neither a token nor a certificate")
    return given


def _hint(plugin: Exec) -> str:
    return f" {_one_line(plugin.install_hint)}" if plugin.install_hint else ""


def _quoted(said: bytearray) -> str:
    text = _one_line(said.decode(errors="replace"))[-_MOST_SAID:]
    return f": {text}" if text else " and said nothing"


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
