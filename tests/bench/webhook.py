"""The webhook under load, beside an empty Quart-Trio route on the same server in the same run."""

from collections.abc import Iterator
from statistics import median

import trio

from krt.serving.address import Address
from krt.web.patience import MOST_WAITING
from tests.bench.figures import Figures, in_milliseconds
from tests.bench.knock import Answers, at_a_rate, closed_loop
from tests.bench.processes import Program, program
from tests.bench.servers import Servers

_MORE_THAN_WAIT = MOST_WAITING + 16  # the others are answered at once, so that the processor is what limits them


async def webhook(servers: Servers, figures: Figures, *, requests: int, rounds: int) -> None:
    """Accepted a second and latency at 1, 16 and 128 clients and at 200 a second; what a 401 costs; an attack."""
    async with (
        program(servers.folder, "krt", "web", environ=servers.environ("web")) as krt,
        program(servers.folder, "tests.bench.empty", environ={}) as empty,
    ):
        await krt.wait("ready")
        at, empty_at = await krt.address(), await empty.address()
        figures.note("webhook", "memory when ready, MB", krt.memory()[0])
        for clients in (1, 16, 128):
            await _compare(servers, figures, (krt, at), (empty, empty_at), clients, requests, rounds)
        await _at_200(servers, figures, at, empty_at, seconds=max(1, requests // 200))
        await _refusals(servers, figures, krt, at, requests, rounds)
        await _attack(servers, figures, at, requests // 4)
        figures.note("webhook", "memory afterwards, MB", krt.memory()[0])
        figures.note("webhook", "most memory, MB", krt.memory()[1])


def good(servers: Servers, count: int) -> list[bytes]:
    """So many calls that are accepted: each with a token of its own."""
    return [servers.knock("ghcr.io/acme/img-00000") for _ in range(count)]


def bad(servers: Servers, count: int) -> list[bytes]:
    """Calls with tokens of which only the signature is wrong, the most expensive kind."""
    return list(_with_broken_signatures(servers, count))


def _with_broken_signatures(servers: Servers, count: int) -> Iterator[bytes]:
    request = servers.knock("ghcr.io/acme/img-00000")
    end = request.index(b"\r\nContent-Type")
    for number in range(count):
        yield request[: end - 9] + b"%08d" % number + request[end - 1 :]


async def _compare(
    servers: Servers,
    figures: Figures,
    krt: tuple[Program, Address],
    empty: tuple[Program, Address],
    clients: int,
    requests: int,
    rounds: int,
) -> None:
    ratios, p99s, both = [], [], {}
    costs: dict[str, float] = {"krt": 0.0, "empty": 0.0}
    for _ in range(rounds):
        calls = good(servers, requests)
        for name, (process, at) in (("empty", empty), ("krt", krt)):
            before = process.cpu()
            both[name] = await closed_loop(at, iter(calls), clients=clients)
            costs[name] += process.cpu() - before
            _expect(both[name], 202, len(calls))
        ratios.append(both["krt"].rate / both["empty"].rate)
        p99s.append(in_milliseconds(both["krt"].seconds)["p99_ms"] / in_milliseconds(both["empty"].seconds)["p99_ms"])
    part = f"webhook, {clients} clients"
    for name, answers in both.items():
        figures.note(part, f"{name}: accepted/s", round(answers.rate))
        figures.note(part, f"{name}: latency", in_milliseconds(answers.seconds))
        figures.note(part, f"{name}: CPU seconds per 1,000", round(costs[name] / rounds / requests * 1000, 3))
    figures.ratio(part, "rate, krt to empty", median(ratios), at_least=0.7)
    figures.ratio(part, "p99, krt to empty", median(p99s), at_most=2)


async def _at_200(servers: Servers, figures: Figures, at: Address, empty_at: Address, seconds: int) -> None:
    calls = good(servers, 200 * seconds)
    empty = await at_a_rate(empty_at, calls, per_second=200)
    krt = await at_a_rate(at, calls, per_second=200)
    _expect(krt, 202, len(calls))
    part = "webhook, 200/s"
    figures.note(part, "krt: latency", in_milliseconds(krt.seconds))
    figures.note(part, "empty: latency", in_milliseconds(empty.seconds))
    p50s = [in_milliseconds(answers.seconds)["p50_ms"] for answers in (krt, empty)]
    figures.ratio(part, "p50, krt to empty", p50s[0] / p50s[1])


async def _refusals(servers: Servers, figures: Figures, krt: Program, at: Address, requests: int, rounds: int) -> None:
    kinds = {"accepted": good, "401 with a bad signature": bad, "401 without a token": _without_token}
    costs: dict[str, list[float]] = {kind: [] for kind in kinds}
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, make in kinds.items():
            is_accepted = kind == "accepted"
            count = requests if is_accepted else 4 * requests
            calls = make(servers, count)
            before = krt.cpu()
            answers = await closed_loop(at, iter(calls), clients=16 if is_accepted else _MORE_THAN_WAIT)
            costs[kind].append((krt.cpu() - before) / count * 1000)
            rates[kind].append(answers.rate)
            _expect(answers, 202 if is_accepted else 401, count)
    for kind in kinds:
        figures.note("what a refusal costs", f"{kind}: CPU seconds per 1,000", round(median(costs[kind]), 3))
        figures.note("what a refusal costs", f"{kind}: answers/s", round(median(rates[kind])))
    for kind in list(kinds)[1:]:
        ratios = [refused / accepted for refused, accepted in zip(costs[kind], costs["accepted"], strict=True)]
        figures.ratio("what a refusal costs", f"CPU of a {kind} to that of an accept", median(ratios), at_most=0.5)


async def _attack(servers: Servers, figures: Figures, at: Address, requests: int) -> None:
    """64 clients with bad tokens that never rest, and one after another good calls in between."""
    calm = await closed_loop(at, iter(good(servers, requests)), clients=1)
    calls, tokens = good(servers, requests), bad(servers, 64)
    async with trio.open_nursery() as nursery:
        for token in tokens:
            nursery.start_soon(_again_and_again, at, token)
        await trio.sleep(0.5)
        attacked = await closed_loop(at, iter(calls), clients=1)
        nursery.cancel_scope.cancel()
    _expect(calm, 202, requests)
    figures.note("attack by 64 clients", "good requests lost", requests - attacked.count(202))
    p99s = {}
    for name, answers in (("calm", calm), ("attacked", attacked)):
        figures.note("attack by 64 clients", f"{name}: latency of good calls", in_milliseconds(answers.seconds))
        p99s[name] = in_milliseconds(answers.seconds)["p99_ms"]
    figures.ratio("attack by 64 clients", "p99, attacked to calm", p99s["attacked"] / p99s["calm"], at_most=5)


async def _again_and_again(at: Address, request: bytes) -> None:
    while True:
        await closed_loop(at, iter([request]), clients=1)


def _without_token(servers: Servers, count: int) -> list[bytes]:
    head, _, body = servers.knock("ghcr.io/acme/img-00000").partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Authorization")]
    return [b"\r\n".join([*lines, b"", b""]) + body] * count


def _expect(answers: Answers, status: int, count: int) -> None:
    assert answers.count(status) == count, f"{answers.statuses}, {answers.lost} lost"
