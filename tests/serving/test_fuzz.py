"""Mutated requests over raw sockets: nothing may crash or stay open.

KRT_FUZZ_SECONDS (5 by default) says how long, KRT_FUZZ_SEED where the chance begins.
"""

import os
import random
import re
import socket
import struct
from contextlib import suppress

import pytest
import trio
import trio.lowlevel
import trio.testing

from krt.serving.denial import Denial
from tests.fakes.pace import slack
from tests.serving.mutated import mutated
from tests.serving.raw import read_to_end, running

SECONDS = float(os.environ.get("KRT_FUZZ_SECONDS", "5"))
SEED = int(os.environ.get("KRT_FUZZ_SEED", "20261121"))
CLIENTS = 12
SHORT = {"header_seconds": 0.2, "body_seconds": 0.2, "send_seconds": 0.2, "lifetime_seconds": 1.0}
ANSWER = re.compile(rb"HTTP/1\.1 (100|200|400|401|404|408|413|414|417|431|501) \r\n")


async def attack(server, chance: random.Random) -> None:
    stream = await server.connect()
    sent = mutated(chance)
    with suppress(trio.BrokenResourceError):
        while sent:
            size = chance.choice([1, 7, 100, 5000, len(sent)])
            await stream.send_all(sent[:size])
            sent = sent[size:] if size > 1 or len(sent) < 200 else sent[200:]
    if chance.random() < 0.1:
        with suppress(OSError):  # a reset instead of an end
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif chance.random() < 0.8:
        with trio.fail_after(slack(5)):
            reply = await read_to_end(stream)
        assert not reply.received or ANSWER.match(reply.received)
    await stream.aclose()


@pytest.mark.parametrize("kept", [False, True], ids=["public", "admin"])
async def test_mutated_requests_crash_nothing_and_end(kept, caplog):
    async with running(close_every_answer=not kept, max_connections_per_peer=None, **SHORT) as server:
        with trio.move_on_after(SECONDS / 2):
            async with trio.open_nursery() as clients:
                for number in range(CLIENTS):
                    clients.start_soon(attack_for_ever, server, random.Random(SEED + number))
        await trio.lowlevel.checkpoint()
        await server.assert_alive()
        assert Denial.CRASHED not in server.denials
        assert len(set(server.denials)) > 5
        server.stopping.set()
        with trio.fail_after(slack(3)):
            await server.ended.wait()
    assert not caplog.records


async def attack_for_ever(server, chance: random.Random) -> None:
    while True:
        await attack(server, chance)
