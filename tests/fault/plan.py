"""What one seed makes happen: which images are announced when, and what goes wrong when. Pure."""

import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

REPOSITORIES = 60
TAGS = ("dev", "prod")
HOT = 4  # repositories that a third of the events name: bursts are what coalescing is for


class Kind(StrEnum):
    """What goes wrong."""

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

# How often of all, which targets, how long on average (seconds).
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
MOST_SECONDS = 12.0  # longer than any call of krt's waits for its answer
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
    """Of a process, or (from CUT on) of the proxy through which that process reaches Valkey; the API server has one."""

    at_seconds: float
    kind: Kind
    target: str
    seconds: float
    answered_bytes: int = 0  # of TRUNCATE

    def __str__(self) -> str:
        return f"{self.at_seconds:6.2f} s: {self.kind} {self.target} for {self.seconds:.2f} s"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of it: by default what continuous integration has time for."""

    seeds: tuple[int, ...] = (1,)
    events: int = 500
    seconds: float = 75.0

    @classmethod
    def told(cls, usual: "Bounds") -> "Bounds":
        """FAULT_SEED (the first), FAULT_SEEDS (how many), FAULT_EVENTS, FAULT_SECONDS; else as usual."""
        first = int(os.environ.get("FAULT_SEED", usual.seeds[0]))
        count = int(os.environ.get("FAULT_SEEDS", len(usual.seeds)))
        events = int(os.environ.get("FAULT_EVENTS", usual.events))
        return cls(tuple(range(first, first + count)), events, float(os.environ.get("FAULT_SECONDS", usual.seconds)))

    def events_for(self, pace: float) -> int:
        """So many get done in those seconds by a machine that takes `pace` times as long."""
        return max(50, round(self.events / pace))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a seed decides; when what really happens is up to two cores and their scheduler."""

    seed: int
    seconds: float
    announcements: tuple[Announcement, ...] = field(repr=False)
    faults: tuple[Fault, ...] = field(repr=False)


def plan_of(seed: int, *, events: int, seconds: float, pace: float = 1.0) -> Plan:
    """The same for the same seed and bounds. On a slower machine faults are rarer: krt recovers as slowly."""
    source = random.Random(seed)
    announcements = tuple(_announcements(source, events, seconds))
    return Plan(seed, seconds, announcements, tuple(_faults(source, seconds, FAULTS_PER_SECOND / pace)))


def repository(number: int) -> str:
    return f"ghcr.io/acme/app-{number:02}"


def _announcements(source: random.Random, events: int, seconds: float) -> Iterator[Announcement]:
    moments = sorted(source.uniform(0, seconds) for _ in range(events))
    image = repository(0)
    for number, moment in enumerate(moments):
        if source.random() > 0.25:  # else the same again: pushes come in series
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
