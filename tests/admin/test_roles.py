"""The live page of each role that a process can have, from the same Valkey."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from krt.dev.cluster import deployment
from tests.fakes.around import IMAGE, Around, Krt, around_krt, ask, probe, running
from tests.fakes.polling import until_on_wall_clock


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[Around]:
    async with around_krt(tmp_path, bookmark_seconds=0.5) as around:
        around.stand_in.cluster.add(deployment("web", "shop", f"{IMAGE}:dev"))
        yield around


async def page(krt: Krt) -> str:
    """What the process shows to somebody in its pod."""
    reply = await ask(krt.admin, probe("/").replace(b"krt.example.com", b"localhost"))
    assert reply.status == 200
    return reply.body.decode()


@pytest.mark.parametrize("with_worker", [False, True])
async def test_every_role_shows_the_events_and_its_own_state(around: Around, with_worker: bool) -> None:
    parts = {"web": {"keys", "Valkey"}, "worker": {"API server", "index", "Valkey channel"}}
    roles = ("worker", "web") if with_worker else ("all",)
    async with running(roles[0], around.of(roles[0])) as first, running(roles[-1], around.of(roles[-1])) as last:
        for krt in (first, last):
            await until_on_wall_clock(krt.is_ready)
        assert (await last.post(around.token())).status == 202
        for role, krt in zip(roles, (first, last), strict=False):

            async def is_shown(krt: Krt = krt) -> bool:
                return "Deployment</span> shop/web" in await page(krt)

            await until_on_wall_clock(is_shown)
            shown = await page(krt)
            assert f"krt {role} on " in shown
            expected = parts[role] if role in parts else parts["web"] | parts["worker"]
            assert {name for some in parts.values() for name in some if f"<dt>{name}</dt>" in shown} == expected
