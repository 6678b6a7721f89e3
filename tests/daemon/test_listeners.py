"""That the limits which the two listeners of a process are meant to have are those that it gives them."""

import pytest

from krt.daemon import admin as admin_role
from krt.daemon import web as web_role
from krt.serving.http import serve
from krt.serving.listener import Listener
from tests.fakes.around import Around, running


@pytest.fixture
async def listeners(around: Around, monkeypatch: pytest.MonkeyPatch) -> dict[str, Listener]:
    """Of a `krt web` that has just started."""
    served: list[Listener] = []

    async def noting(app, listener, **rest):
        served.append(listener)
        await serve(app, listener, **rest)

    for part in (web_role, admin_role):
        monkeypatch.setattr(part, "serve", noting)
    async with running("web", around.of("web")):
        public, admin = sorted(served, key=lambda listener: not listener.close_every_answer)
    return {"admin": admin, "public": public}


async def test_the_public_listener_bounds_everything(listeners: dict[str, Listener]) -> None:
    public = listeners["public"]
    assert (public.max_connections, public.max_connections_per_peer) == (1536, 64)
    assert (public.lifetime_seconds, public.close_every_answer) == (40.0, True)
    assert (public.header_seconds, public.body_seconds, public.send_seconds) == (5.0, 5.0, 10.0)
    assert (public.max_header_bytes, public.max_body_bytes) == (16 * 1024, 8 * 1024)
    assert public.max_unfinished_head_bytes == 2 * 1024 * 1024


async def test_the_admin_listener_lets_streams_live_and_bounds_their_number(listeners: dict[str, Listener]) -> None:
    admin = listeners["admin"]
    assert (admin.lifetime_seconds, admin.close_every_answer) == (None, False)
    assert (admin.max_connections, admin.max_body_bytes) == (256, 8 * 1024)
