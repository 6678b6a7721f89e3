"""A rolling update from the version before: what that one has begun is neither lost nor done twice, whatever fails.

pytest -m slow tests/fault/test_update.py         # FAULT_SEED=… tries another order of events
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.apiserver.server import ApiServer
from tests.fakes.pace import pace
from tests.fault.before import code_before
from tests.fault.fleet import open_fleet
from tests.fault.places import places
from tests.fault.plan import Bounds, plan_of
from tests.fault.story import assert_kept, live

BOUNDS = Bounds.told(Bounds(seeds=(2,), events=300, seconds=45.0))


@pytest.mark.slow
@pytest.mark.parametrize("seed", BOUNDS.seeds)
async def test_a_rolling_update_from_the_version_before_loses_nothing_and_repeats_nothing(
    seed: int, apiserver: ApiServer, namespace: str, tmp_path: Path
) -> None:
    code = code_before(tmp_path)
    assert _package(code) == code / "krt" / "__init__.py"
    plan = plan_of(seed, events=BOUNDS.events_for(pace()), seconds=BOUNDS.seconds, pace=pace())
    await apiserver.apply(*(place.to_object(namespace) for place in places()))
    async with open_fleet(apiserver, namespace, tmp_path, code=code) as fleet:
        story = await live(plan, fleet, apiserver, namespace, is_update=True)
        assert_kept(story, fleet)


def _package(code: Path) -> Path:
    asked = [sys.executable, "-P", "-c", "import krt; print(krt.__file__)"]
    done = subprocess.run(asked, env={"PYTHONPATH": str(code)}, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())
