"""`python -m tests.apiserver`, as docs/contributing.md has it for people."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.pace import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]


@pytest.mark.apiserver
def test_it_says_where_the_server_is_and_ends_with_ctrl_c() -> None:
    """Seen to fail with KeyboardInterrupt not caught."""
    with subprocess.Popen([sys.executable, "-m", "tests.apiserver"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdout
        try:
            said = it.stdout.readline() + it.stdout.readline()
            kubeconfig, kubectl = re.findall(r"=(\S+)$", said, re.MULTILINE)
            asked = [kubectl, "--kubeconfig", kubeconfig, "get", "namespaces", "-o", "name"]
            names = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS).stdout
        finally:
            it.send_signal(signal.SIGINT)
        assert it.wait(PATIENCE_SECONDS) == 0
    assert "namespace/default" in names


def test_without_its_programs_it_says_what_brings_them(tmp_path: Path) -> None:
    environment = {**os.environ, "KUBEBUILDER_ASSETS": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.apiserver"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.endswith("run tests/apiserver/build\n")
