"""The wheel of a clone in an environment of its own, with what krt asks for at run time and nothing else."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from krt.cli.commands import COMMANDS
from tests.deploy.installs import ROOT

Krt = Callable[..., "subprocess.CompletedProcess[str]"]


def _run(*words: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Without this environment's packages and the clone's modules."""
    names = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
    environ = {name: value for name, value in os.environ.items() if name in names or name.startswith("PIP_")}
    return subprocess.run(list(map(str, words)), env=environ, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def krt(tmp_path_factory: pytest.TempPathFactory) -> Krt:
    """The command that the wheel has installed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    built = _run(sys.executable, *build, cwd=folder)
    assert built.returncode == 0, built.stderr
    assert _run(sys.executable, "-I", "-m", "venv", folder / "venv", cwd=folder).returncode == 0
    pip = (folder / "venv" / "bin" / "python", "-I", "-m", "pip", "--disable-pip-version-check")
    by_lock = ("--require-hashes", "--only-binary", ":all:", "--no-deps", "-r")
    taken = _run(*pip, "install", "-q", *by_lock, ROOT / "deploy" / "requirements.lock", cwd=folder)
    if taken.returncode and re.search("connection|resolution|No matching distribution", taken.stderr):
        pytest.skip("no packages can be had here")
    assert taken.returncode == 0, taken.stderr
    (wheel,) = folder.glob("*.whl")
    for words in (["install", "-q", "--no-index", "--no-deps", wheel], ["check"]):
        done = _run(*pip, *words, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    return lambda *words: _run(folder / "venv" / "bin" / "krt", *words, cwd=folder)


@pytest.mark.slow  # half a minute where the packages come from afar
def test_every_command_of_the_wheel_says_how_it_is_used_and_only_completion_asks_for_more(krt: Krt) -> None:
    for command in COMMANDS:
        ended = krt(command, "--help")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.startswith(f"usage: krt {command} ")
    ended = krt("completion", "bash")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "install krt with its extra `completion`" in ended.stderr
