"""Who is turned away by the head of a request: no app hears of it, and it may have to wait for that."""

import trio

from krt.serving.gate import Arrival, TurnedAway
from tests.serving.raw import answer, running

HEAD = b"POST /read HTTP/1.1\r\nHost: krt\r\nContent-Length: 9\r\nX-Name: Somebody\r\n\r\n"


async def test_who_is_turned_away_is_answered_by_the_head_alone_and_no_app_is_asked(patient_clock):
    asked = []

    async def app(scope, _receive, _send):
        asked.extend([scope["type"]] if scope["type"] == "http" else [])

    async with running(app, gate=lambda _: TurnedAway(401, ((b"www-authenticate", b"Bearer"),))) as server:
        reply = await server.send(HEAD)  # and not one byte of the body
    assert (reply.status, reply.headers["www-authenticate"], reply.body) == (401, "Bearer", b"")
    assert (reply.headers["connection"], len(reply.headers["x-request-id"])) == ("close", 16)
    assert asked == []


async def test_who_is_let_in_is_known_to_the_app(patient_clock):
    async def app(scope, _receive, send):
        if scope["type"] == "http":
            await answer(send, 200, scope["state"]["known"])

    def gate(arrival: Arrival) -> bytes:
        return dict(arrival.head.fields)[b"x-name"]

    async with running(app, gate=gate) as server:
        reply = await server.send(HEAD + b"123456789")
    assert (reply.status, reply.body) == (200, b"Somebody")


async def test_who_is_turned_away_may_have_to_wait_for_it(patient_clock):
    async with running(gate=lambda _: TurnedAway(401, after_seconds=0.5)) as server:
        began = trio.current_time()
        reply = await server.send(HEAD)
        assert reply.status == 401
        assert trio.current_time() - began >= 0.5
