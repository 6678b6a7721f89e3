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

Installed = Callable[..., "subprocess.CompletedProcess[str]"]

_EVERY_HELP = """
import sys
from krt.cli.main import main
for command in sys.argv[1:]:
    try:
        main([command, "--help"])
    except SystemExit as end:
        print(f"{command} ended with {end.code}")
"""


def _run(*words: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Without this environment's packages and the clone's modules."""
    names = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
    environ = {name: value for name, value in os.environ.items() if name in names or name.startswith("PIP_")}
    return subprocess.run(list(map(str, words)), env=environ, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Runs a program of the environment in which the wheel is installed: krt, python."""
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
    return lambda program, *words: _run(folder / "venv" / "bin" / program, *words, cwd=folder)


@pytest.mark.slow  # half a minute where the packages come from afar
def test_every_command_of_the_wheel_says_how_it_is_used_and_only_completion_asks_for_more(installed: Installed) -> None:
    """All but the first in one process, which takes a twentieth of the processor time."""
    first, *others = COMMANDS
    ended = installed("krt", first, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: krt {first} ")
    ended = installed("python", "-c", _EVERY_HELP, *others)
    assert (ended.returncode, ended.stderr) == (0, "")
    for command in others:
        assert f"\nusage: krt {command} " in f"\n{ended.stdout}"
        assert f"\n{command} ended with 0\n" in ended.stdout
    ended = installed("krt", "completion", "bash")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "install krt with its extra `completion`" in ended.stderr
