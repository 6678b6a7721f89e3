"""Runs the program `cue` on files of a temporary folder, within limits, and without the network.

`cue export` runs no commands of a document. It gets nothing of krt's environment, and no registry of modules.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import trio

from krt.delivery import limited

VARIABLE = "KRT_CUE"
INSTALL = (
    "install cue (https://cuelang.org/docs/introduction/installation/) so that it is on PATH, "
    f"or set {VARIABLE} to its path"
)
_MEBIBYTE = 1024 * 1024
_MOST_SAID = 64 * 1024  # bytes of standard error that are read


class CueProgramFailed(Exception):
    """The program refuses the files, or reached a limit. `said` is its standard error: it may quote secrets."""

    def __init__(self, sentence: str, said: str = "") -> None:
        super().__init__(sentence)
        self.said = said


@dataclass(frozen=True, slots=True)
class CueLimits:
    """Memory in bytes, processor time and time in seconds, output in bytes."""

    most_bytes: int = 4096 * _MEBIBYTE
    processor_seconds: int = 60
    seconds: float = 120.0
    output_bytes: int = 64 * _MEBIBYTE


@dataclass(frozen=True, slots=True)
class CueProgram:
    """The program's path, and its limits."""

    path: str
    limits: CueLimits = CueLimits()

    async def export(self, files: Mapping[str, bytes], arguments: Sequence[str]) -> bytes:
        """The output of `cue export ARGUMENT…` in a folder with these files, which is removed at the end.

        The paths are relative, without `..`. Raises CueProgramFailed.
        """
        await trio.to_thread.run_sync(_check, self.path)
        folder = await trio.to_thread.run_sync(_folder_with, files)
        try:
            return await self._exported(folder, arguments)
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(shutil.rmtree, folder)

    async def _exported(self, folder: Path, arguments: Sequence[str]) -> bytes:
        try:
            with trio.fail_after(self.limits.seconds):
                code, seconds = await self._timed(folder, arguments)
        except trio.TooSlowError:
            raise CueProgramFailed(f"cue did not end within {self.limits.seconds:g} s, and was killed") from None
        except OSError as error:
            raise CueProgramFailed(f"cue cannot be run ({error.strerror}): {INSTALL}") from None
        said = _start_of(folder / "err", _MOST_SAID).decode(errors="replace")
        if (folder / "out").stat().st_size >= self.limits.output_bytes:
            raise CueProgramFailed(f"cue prints more than {self.limits.output_bytes // _MEBIBYTE} MiB")
        if code:
            raise self._failure(code, said, seconds)
        return (folder / "out").read_bytes()

    async def _timed(self, folder: Path, arguments: Sequence[str]) -> tuple[int, float]:
        """The exit code, and the processor time of the program in seconds."""
        before = _processor_seconds_of_children()
        code = await self._run(folder, arguments)
        return code, _processor_seconds_of_children() - before

    async def _run(self, folder: Path, arguments: Sequence[str]) -> int:
        limits = (self.limits.most_bytes, self.limits.processor_seconds, self.limits.output_bytes)
        wrapper = [sys.executable, "-I", "-S", str(limited.__file__), *map(str, limits)]
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            done = await trio.run_process(
                [*wrapper, self.path, "export", *arguments],
                cwd=folder / "files",
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                check=False,
                deliver_cancel=_kill,
                start_new_session=True,  # so that Ctrl-C reaches krt alone, which then kills it
            )
        return done.returncode

    def _failure(self, code: int, said: str, seconds: float) -> CueProgramFailed:
        if code < 0 and seconds >= self.limits.processor_seconds:  # SIGXCPU, which Go ignores, then SIGKILL
            return CueProgramFailed(f"cue needs more than {self.limits.processor_seconds} s of processor time")
        if "out of memory" in said or "cannot allocate memory" in said:
            return CueProgramFailed(f"cue needs more than {self.limits.most_bytes // _MEBIBYTE} MiB of memory")
        if "stack overflow" in said or "stack exceeds" in said:
            return CueProgramFailed("cue ends itself: values are nested or depend on one another too deeply")
        if code == -signal.SIGKILL:
            return CueProgramFailed("cue was killed (SIGKILL), as systems without memory left do")
        if code < 0:
            return CueProgramFailed(f"cue was ended by {signal.Signals(-code).name}")
        return CueProgramFailed("cue refuses it", said)


def find_cue(environ: Mapping[str, str]) -> CueProgram | None:
    """The program that KRT_CUE names, else the one on PATH; None if there is none. Blocks shortly."""
    path = environ.get(VARIABLE) or shutil.which("cue", path=environ.get("PATH", ""))
    return CueProgram(str(Path(path).absolute())) if path else None


def _check(path: str) -> None:
    if not os.access(path, os.X_OK) or Path(path).is_dir():
        raise CueProgramFailed(f"{path} is not a program: {INSTALL}")


def _folder_with(files: Mapping[str, bytes]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="krt-cue-"))
    try:
        for name in ("home", "files"):
            (folder / name).mkdir()
        for path, content in files.items():
            file = folder / "files" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    except OSError as error:
        shutil.rmtree(folder)
        raise CueProgramFailed(f"its files cannot be written to {tempfile.gettempdir()}: {error.strerror}") from None
    return folder


def _environment(folder: Path) -> dict[str, str]:
    home = str(folder / "home")
    return {"HOME": home, "TMPDIR": home, "CUE_CACHE_DIR": home, "CUE_REGISTRY": "none", "LC_ALL": "C"}


def _processor_seconds_of_children() -> float:
    """The processor time of all processes that krt has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _start_of(file: Path, most: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(most)


async def _kill(process: trio.Process) -> None:
    with suppress(ProcessLookupError):  # if it has just ended
        os.killpg(process.pid, signal.SIGKILL)
