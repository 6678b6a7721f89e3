"""The previous version, with which a rolling update to this checkout begins."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.fault.krt_process import HERE

COMMIT = (HERE / ".ci" / "before").read_text().strip()


def code_before(folder: Path) -> Path:
    """The folder with its package. `.ci/run` extracts it from git, and names it in FAULT_BEFORE."""
    where = os.environ.get("FAULT_BEFORE")
    if where == "none":
        pytest.skip(f"commit {COMMIT} is not in this clone, as .ci/run has said")
    if where:
        return Path(where)
    packed = subprocess.run(["git", "archive", COMMIT, "krt"], cwd=HERE, capture_output=True, check=False)
    if packed.returncode:
        pytest.fail(f"a rolling update needs commit {COMMIT} (.ci/before): {packed.stderr.decode()}")
    subprocess.run(["tar", "--extract", f"--directory={folder}"], input=packed.stdout, check=True)
    return folder
