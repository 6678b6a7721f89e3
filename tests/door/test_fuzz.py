"""Mutated requests over raw sockets to the real process: none is accepted, none crashes it, all end.

KRT_FUZZ_SECONDS (3 by default) says how long, KRT_FUZZ_SEED where the chance begins.
"""

import os
import random
import re
from contextlib import suppress

import trio

from tests.door.door import BODY, Door, Watch, request
from tests.fakes.pace import slack
from tests.oidc.tokens import private_key
from tests.serving.mutated import SEEDS, mutated
from tests.serving.raw import read_to_end

SECONDS = float(os.environ.get("KRT_FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("KRT_FUZZ_SEED", "20261121"))
CLIENTS = 40
ANSWER = re.compile(rb"HTTP/1\.1 (200|400|401|404|408|413|414|415|417|431|501) \r\n")


def seeds(door: Door) -> list[bytes]:
    """Of the transport's table, and requests for an event that lack nothing but a good signature."""
    forged = door.token(key=private_key(2048, 1))
    chunked = request(token=forged).replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked")
    own = [
        *(request(token=forged), request(), request(path=b"/event/dry-run", token=forged)),
        chunked.replace(BODY, b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
        request(path=b"/events/1-0?wait=1", method=b"GET", body=b"", content_type=None, token=forged),
        request(path=b"/healthz", method=b"GET", body=b"", content_type=None),
    ]
    return [*SEEDS, *own * (len(SEEDS) // len(own))]


async def attack(door: Door, chance: random.Random, sources: list[bytes]) -> None:
    stream = await door.connect(f"127.0.6.{chance.randint(1, 20)}")
    async with stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(mutated(chance, sources))
            if chance.random() < 0.5:
                await stream.send_eof()
        if chance.random() < 0.7:
            with trio.fail_after(slack(15)):
                reply = await read_to_end(stream)
            assert not reply.received or ANSWER.match(reply.received), reply.received


async def test_mutated_requests_are_not_accepted_crash_nothing_and_end(door: Door, watch: Watch) -> None:
    sources, end = seeds(door), trio.current_time() + SECONDS

    async def attack_until_the_end(number: int) -> None:
        chance = random.Random(SEED + number)
        while trio.current_time() < end:
            await attack(door, chance, sources)

    async with watch.nothing_accepted(), trio.open_nursery() as nursery:
        for number in range(CLIENTS):
            nursery.start_soon(attack_until_the_end, number)
    assert door.process.events("connection_failed") == []
    assert await door.metric("krt_transport_denials_total", reason="crashed") == 0
    assert len({line["reason"] for line in door.process.events("connection_denied")}) > 5
