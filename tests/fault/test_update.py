"""A rolling update from the previous version: no work that it has begun is lost or done twice, whatever fails.

pytest -m slow tests/fault/test_update.py         # FAULT_SEED=… tries another order of events
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.apiserver.server import ApiServer
from tests.fault.before import code_before
from tests.fault.plan import Bounds
from tests.fault.story import assert_survives

BOUNDS = Bounds.from_environ(Bounds(seeds=(2,), events=300, seconds=45.0))


@pytest.mark.slow
@pytest.mark.parametrize("seed", BOUNDS.seeds)
@pytest.mark.long
async def test_a_rolling_update_from_the_version_before_loses_nothing_and_repeats_nothing(
    seed: int, apiserver: ApiServer, namespace: str, tmp_path: Path
) -> None:
    code = code_before(tmp_path)
    assert _package(code) == code / "krt" / "__init__.py"
    await assert_survives(seed, BOUNDS, apiserver, namespace, tmp_path, code=code)


def _package(code: Path) -> Path:
    asked = [sys.executable, "-P", "-c", "import krt; print(krt.__file__)"]
    done = subprocess.run(asked, env={"PYTHONPATH": str(code)}, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())
