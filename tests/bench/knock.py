"""Clients of krt web: one connection for each request, as krt answers; one after another, or at a fixed rate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

import trio

from krt.serving.address import Address


@dataclass
class Answers:
    """How the requests of one run ended."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[bytes, int] = field(default_factory=dict)
    lost: int = 0
    took_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.took_seconds

    def count(self, status: int) -> int:
        return self.statuses.get(str(status).encode(), 0)


async def knock(to: Address, request: bytes, answers: Answers) -> float:
    """One request and its whole answer; when it was there."""
    began = perf_counter()
    client = trio.socket.socket()
    try:
        await client.connect((to.host, to.port))
        await client.send(request)
        received = b""
        while data := await client.recv(65536):
            received += data
    except OSError:
        answers.lost += 1
        return perf_counter()
    finally:
        client.close()
    status = received[9:12]
    answers.statuses[status] = answers.statuses.get(status, 0) + 1
    answers.lost += not received
    ended = perf_counter()
    answers.seconds.append(ended - began)
    return ended


async def closed_loop(to: Address, requests: Iterator[bytes], *, clients: int) -> Answers:
    """So many clients, each asking anew when it was answered, until there are no more requests."""
    answers = Answers()

    async def client() -> None:
        for request in requests:
            await knock(to, request, answers)

    began = perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(clients):
            nursery.start_soon(client)
    answers.took_seconds = perf_counter() - began
    return answers


async def at_a_rate(to: Address, requests: Iterable[bytes], *, per_second: float) -> Answers:
    """Each at its time, whether or not those before it were answered; each is asked for shortly before its time."""
    answers = Answers()
    began, at = perf_counter(), trio.current_time()
    async with trio.open_nursery() as nursery:
        for number, request in enumerate(requests):
            await trio.sleep_until(at + number / per_second)
            nursery.start_soon(knock, to, request, answers)
    answers.took_seconds = perf_counter() - began
    return answers
