"""Nothing lost, nothing twice: whatever is killed, paused and cut meanwhile, and whoever does not hear an answer.

pytest -m slow tests/fault/test_fault.py          # one seed, as in continuous integration
FAULT_SEED=7 FAULT_SEEDS=10 FAULT_EVENTS=2000 FAULT_SECONDS=300 pytest -m slow tests/fault/test_fault.py
"""

from pathlib import Path

import pytest

from tests.apiserver.server import ApiServer
from tests.fakes.pace import pace
from tests.fault.fleet import open_fleet
from tests.fault.places import places
from tests.fault.plan import Bounds, plan_of
from tests.fault.story import assert_kept, live

BOUNDS = Bounds.told(Bounds())


@pytest.mark.slow
@pytest.mark.parametrize("seed", BOUNDS.seeds)
async def test_every_accepted_event_restarts_what_it_names_once(
    seed: int, apiserver: ApiServer, namespace: str, tmp_path: Path
) -> None:
    plan = plan_of(seed, events=BOUNDS.events_for(pace()), seconds=BOUNDS.seconds, pace=pace())
    await apiserver.apply(*(place.to_object(namespace) for place in places()))
    async with open_fleet(apiserver, namespace, tmp_path) as fleet:
        story = await live(plan, fleet, apiserver, namespace)
        assert_kept(story, fleet)
