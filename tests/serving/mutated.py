"""Requests of the attack table, changed by chance."""

import random
from collections.abc import Sequence

from tests.serving.requests import ACCEPTED, REFUSED

SEEDS = [sent for sent, *_ in (*REFUSED.values(), *ACCEPTED.values())]

WORDS = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\x00",
    b":",
    b" ",
    b"\t",
    b"Content-Length: 5\r\n",
    b"/read",
    b"/stream",
    b"0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"Expect: 100-continue\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n",
    b"http://krt.example/read",
    b"\xff",
    b"Connection: close\r\n",
    b"POST ",
]


def mutated(chance: random.Random, seeds: Sequence[bytes] = SEEDS) -> bytes:
    sent = bytearray(chance.choice(seeds)[:40_000])
    for _ in range(chance.randint(0, 6)):
        at, to = sorted(chance.randint(0, len(sent)) for _ in range(2))
        match chance.randint(0, 6):
            case 0:
                sent[at:at] = chance.choice(WORDS)
            case 1:
                sent[at:to] = chance.choice(WORDS)
            case 2:
                sent[at : at + 1] = chance.randbytes(1)
            case 3:
                del sent[at : at + chance.randint(1, 8)]
            case 4:
                sent[at:at] = sent[at : at + chance.randint(1, 200)]
            case 5:
                sent = sent[:to]
            case 6:
                sent += chance.choice(seeds)[:5000]
    return bytes(sent)
