"""The fixture of a program in Go that exports CUE documents by CUE's own library, and the path of the program `cue`.

Without them, their tests are skipped, or fail where CI=true; one line at the end of the run says so.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.binaries import program
from tests.fakes.real_part import RealPart

PROGRAMS = ("cue", "cue-reader")


@dataclass(frozen=True, slots=True)
class CueReading:
    """How CUE exports a document: the decoded JSON, or why it refuses; `crashed` if the document ended the program."""

    value: Any
    is_refused: bool
    crashed: bool = False


class CueReader:
    """The program, which answers one instance after another."""

    def __init__(self) -> None:
        self._process = self._started()

    def read(self, *texts: str) -> CueReading:
        files = [{"name": f"file{number}.cue", "text": text} for number, text in enumerate(texts)]
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps({'files': files})}\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            self.close()
            self._process = self._started()
            return CueReading(None, is_refused=True, crashed=True)
        found = json.loads(line)
        return CueReading(found["json"], bool(found["error"]))

    def close(self) -> None:
        self._process.kill()
        self._process.__exit__(None, None, None)

    @staticmethod
    def _started() -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen([program("cue-reader")], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)


@pytest.fixture(scope="session")
def cuelang() -> Iterator[CueReader]:
    reader = CueReader()
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def cue_program(cuelang: CueReader) -> Path:
    """The path of the real program `cue`."""
    return program("cue")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(
        RealPart(
            "cuelang",
            fixture="cuelang",
            missing=lambda: [name for name in PROGRAMS if not os.access(program(name), os.X_OK)],
            command="tests/cuelang/build",
            remedy="builds it",
            ran="CUE itself: {} tests compared with it",
        )
    )
