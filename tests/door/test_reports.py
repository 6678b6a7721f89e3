"""What becomes of an event is its repository's business, and nobody can find out that there is one."""

import json
import time

import pytest

from tests.door.door import D401, Door, constant, request


def poll(location: str, token: str | None) -> bytes:
    return request(path=location.encode(), method=b"GET", body=b"", content_type=None, token=token)


async def test_anothers_event_is_like_none(door: Door) -> None:
    where = (await door.exchange(door.good(repository_id="6000"))).headers["location"]
    own = await door.exchange(poll(where, door.token(repository_id="6000")))
    assert (own.status, json.loads(own.body)["id"]) == (200, where.removeprefix("/events/"))
    others = constant(await door.exchange(poll(where, door.newcomer())))
    absent = constant(await door.exchange(poll("/events/1-0", door.newcomer())))
    assert others == absent
    assert others.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("query", ["", "?wait=25"])
async def test_a_stranger_waits_for_nothing(query: str, door: Door) -> None:
    where = (await door.exchange(door.good())).headers["location"]
    for token in (None, door.newcomer(repository_owner_id="650"), "a.b.c"):
        began = time.monotonic()
        assert constant(await door.exchange(poll(where + query, token))) == D401
        assert time.monotonic() - began < 20  # and not the 25 s that somebody waits who may


async def test_a_look_spends_no_token(door: Door) -> None:
    where = (await door.exchange(door.good(repository_id="6001"))).headers["location"]
    token = door.token(repository_id="6001")
    for _ in range(40):
        assert (await door.exchange(poll(where, token))).status == 200
    assert (await door.exchange(request(token=token))).status == 202
