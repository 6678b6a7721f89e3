"""The plan of one seed: which images are announced when, and which faults happen when. Pure."""

import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

REPOSITORIES = 60
TAGS = ("dev", "prod")
HOT = 4  # a third of the events names these repositories, so that there are bursts to coalesce


class Kind(StrEnum):
    """The kinds of faults."""

    KILL = "kill"  # SIGKILL, and started again
    STOP = "stop"  # SIGTERM, and started again
    PAUSE = "pause"  # SIGSTOP, and SIGCONT
    CUT = "cut"  # every connection through a proxy ends, by FIN
    RESET = "reset"  # the same by RST
    STALL = "stall"  # a proxy keeps all bytes for a while, in both directions
    REFUSE = "refuse"  # a proxy takes no new connections for a while
    TRUNCATE = "truncate"  # for a while, a proxy ends each new connection in the middle of an answer


WEBS = ("web-1", "web-2")
WORKERS = ("worker-1", "worker-2")
VALKEY, API_SERVER = "valkey", "apiserver"

# The share of each kind, its targets, and its mean duration in seconds.
_KINDS: tuple[tuple[int, Kind, tuple[str, ...], float], ...] = (
    (14, Kind.KILL, WORKERS, 0.5),
    (8, Kind.KILL, WEBS, 0.5),
    (4, Kind.STOP, (*WORKERS, *WEBS), 0.2),
    (10, Kind.PAUSE, (VALKEY,), 1.5),
    (8, Kind.KILL, (VALKEY,), 0.3),
    (10, Kind.PAUSE, (API_SERVER,), 3.0),
    (2, Kind.KILL, (API_SERVER,), 0.2),
    (10, Kind.CUT, (*WEBS, *WORKERS, API_SERVER), 0.0),
    (10, Kind.RESET, (*WEBS, *WORKERS, API_SERVER), 0.0),
    (10, Kind.STALL, (*WEBS, *WORKERS, API_SERVER), 2.0),
    (6, Kind.REFUSE, (*WEBS, *WORKERS, API_SERVER), 0.7),
    (8, Kind.TRUNCATE, (*WEBS, *WORKERS, API_SERVER), 1.0),
)
MOST_SECONDS = 12.0  # longer than the deadline of any of krt's calls
FAULTS_PER_SECOND = 1.2


@dataclass(frozen=True, slots=True)
class Announcement:
    """One job's `krt notify`."""

    number: int
    at_seconds: float
    image: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a process, or, from CUT on, of the proxy by which the process reaches Valkey or the API server."""

    at_seconds: float
    kind: Kind
    target: str
    seconds: float
    answered_bytes: int = 0  # for TRUNCATE

    def __str__(self) -> str:
        return f"{self.at_seconds:6.2f} s: {self.kind} {self.target} for {self.seconds:.2f} s"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The size of a run. The defaults are for continuous integration."""

    seeds: tuple[int, ...] = (1,)
    events: int = 500
    seconds: float = 75.0

    @classmethod
    def from_environ(cls, usual: "Bounds") -> "Bounds":
        """The bounds in FAULT_SEED (first seed), FAULT_SEEDS (count), FAULT_EVENTS and FAULT_SECONDS; else `usual`."""
        first = int(os.environ.get("FAULT_SEED", usual.seeds[0]))
        count = int(os.environ.get("FAULT_SEEDS", len(usual.seeds)))
        events = int(os.environ.get("FAULT_EVENTS", usual.events))
        return cls(tuple(range(first, first + count)), events, float(os.environ.get("FAULT_SECONDS", usual.seconds)))

    def events_for(self, pace: float) -> int:
        """The number of events that a machine `pace` times slower can do in the same seconds."""
        return max(50, round(self.events / pace))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a seed decides. The real timing also depends on the processors and their scheduler."""

    seed: int
    seconds: float
    announcements: tuple[Announcement, ...] = field(repr=False)
    faults: tuple[Fault, ...] = field(repr=False)


def plan_of(seed: int, *, events: int, seconds: float, pace: float = 1.0) -> Plan:
    """The plan, always the same for a seed and bounds. On a slower machine, faults are rarer: krt recovers slower."""
    source = random.Random(seed)
    announcements = tuple(_announcements(source, events, seconds))
    return Plan(seed, seconds, announcements, tuple(_faults(source, seconds, FAULTS_PER_SECOND / pace)))


def repository(number: int) -> str:
    return f"ghcr.io/acme/app-{number:02}"


def _announcements(source: random.Random, events: int, seconds: float) -> Iterator[Announcement]:
    moments = sorted(source.uniform(0, seconds) for _ in range(events))
    image = repository(0)
    for number, moment in enumerate(moments):
        if source.random() > 0.25:  # otherwise the same image again: pushes come in series
            image = repository(source.randrange(HOT if source.random() < 0.33 else REPOSITORIES))
        tags = tuple(source.sample(TAGS, source.choice((1, 1, 1, 2))))
        yield Announcement(number, moment, image, tags)


def _faults(source: random.Random, seconds: float, per_second: float) -> Iterator[Fault]:
    moment = 1.0
    while (moment := moment + source.expovariate(per_second)) < seconds:
        [(_, kind, targets, mean)] = source.choices(_KINDS, [row[0] for row in _KINDS])
        length = min(source.expovariate(1 / mean), MOST_SECONDS) if mean else 0.0
        answered_bytes = math.floor(math.exp(source.uniform(0, 9)))  # 1 to 8,000: a few bytes are as likely as many
        yield Fault(moment, kind, source.choice(targets), length, answered_bytes)
