"""Nothing is lost and nothing is done twice, whatever is killed, paused or cut, and whichever answers are lost.

pytest -m slow tests/fault/test_fault.py          # one seed, as in continuous integration
FAULT_SEED=7 FAULT_SEEDS=10 FAULT_EVENTS=2000 FAULT_SECONDS=300 pytest -m slow tests/fault/test_fault.py
"""

from pathlib import Path

import pytest

from tests.apiserver.server import ApiServer
from tests.fault.plan import Bounds
from tests.fault.story import assert_survives

BOUNDS = Bounds.from_environ(Bounds())


@pytest.mark.slow
@pytest.mark.parametrize("seed", BOUNDS.seeds)
@pytest.mark.long
async def test_every_accepted_event_restarts_what_it_names_once(
    seed: int, apiserver: ApiServer, namespace: str, tmp_path: Path
) -> None:
    await assert_survives(seed, BOUNDS, apiserver, namespace, tmp_path)
