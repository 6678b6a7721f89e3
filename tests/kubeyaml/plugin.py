"""The fixture of a program in Go that reads YAML with sigs.k8s.io/yaml, as kubectl does.

Without Go, its tests are skipped, or fail where CI=true; one line at the end of the run says so.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.real_part import RealPart


@dataclass(frozen=True, slots=True)
class GoReading:
    """How Go reads a document: the decoded JSON, whether that is refused, and whether the strict reader refuses it."""

    value: Any
    is_refused: bool
    is_refused_strictly: bool


class KubeYaml:
    """The program, which answers one document after another."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def read(self, document: str) -> GoReading:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(document)}\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        return GoReading(found["json"], found["refused"], found["strict"])


@pytest.fixture(scope="session")
def kubeyaml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeYaml]:
    program = tmp_path_factory.mktemp("kubeyaml") / "kubeyaml"
    environ = {**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", "-o", program, "."], cwd=Path(__file__).parent, env=environ, check=True)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield KubeYaml(process)
        process.kill()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(
        RealPart(
            "golang",
            fixture="kubeyaml",
            missing=lambda: () if shutil.which("go") else ("go",),
            command="the installer of https://go.dev/dl",
            remedy="installs it",
            ran="Go's YAML: {} tests compared with it",
        )
    )
