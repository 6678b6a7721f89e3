"""One factory for each value of krt.core. It gives an ordinary value; arguments change parts of it."""

from datetime import UTC, datetime

from krt.core.announce.event import Event, build
from krt.core.announce.event_id import EventId
from krt.core.caller.identity import Identity, VerifiedClaims, from_claims
from krt.core.envelope import Envelope, Origin
from krt.core.kube.workload import Container, RolloutStatus, Workload, read_image
from krt.core.report.presence import Presence, Sighting
from krt.core.restart.mark import JournalPosition, Mark
from krt.core.restart.times import format_time
from tests.fakes.keys import a_key
from tests.oidc.tokens import claims

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
JOURNAL = "5f0c3a9be1d24c77"
NEWEST = EventId(1_795_176_000_000, 5)


def an_event(image: str = "ghcr.io/acme/shop", tags: tuple[str, ...] = ("dev",)) -> Event:
    """An event as a caller announces it."""
    return build(image, list(tags))


def an_identity(**changes: object) -> Identity:
    """A job of acme/shop. `changes` replace claims of the token; the value `...` removes one."""
    return from_claims(VerifiedClaims(claims(**changes)))


def an_envelope(
    event: Event | None = None,
    *,
    identity: Identity | None = None,
    request_id: str = "r-1",
    dry_run: bool = False,
) -> Envelope:
    """An event that a job of acme/shop announced."""
    return Envelope(event or an_event(), Origin.of(identity or an_identity()), request_id, dry_run)


def a_container(image: str = "ghcr.io/acme/shop:dev", *, name: str = "app", pull_policy: str = "Always") -> Container:
    """A container as the API server describes it."""
    return Container(name, image, read_image(image), pull_policy)


def a_workload(*images: str | Container, key: str = "Deployment shop/web", **changes: object) -> Workload:
    """A Deployment with one replica, rolled out and never restarted. `images` are those of its containers."""
    kind, place = key.split(" ")
    namespace, name = place.split("/")
    values: dict[str, object] = {
        "key": a_key(kind, namespace, name),
        "uid": f"uid-of-{name}",
        "resource_version": "1000",
        "generation": 1,
        "created_at": "2026-11-01T08:00:00Z",
        "containers": tuple(
            image if isinstance(image, Container) else a_container(image) for image in images or [a_container()]
        ),
        "replicas": 1,
        "paused": False,
        "on_delete": False,
        "partition": 0,
        "status": RolloutStatus(observed_generation=1, replicas=1, updated=1, available=1, scheduled=1),
        "restarted_at": None,
        "mark": None,
        "last_manager": "",
        "opt": None,
    }
    return Workload(**{**values, **changes})


def a_mark(covers: EventId = NEWEST, *, journal: str = JOURNAL, restarted_at: str | None = None) -> str:
    """The annotation that a restart leaves on a workload."""
    return str(Mark(journal, covers, restarted_at or format_time(NOW)))


def a_position(newest: EventId = NEWEST, *, name: str = JOURNAL) -> JournalPosition:
    """The position of the journal."""
    return JournalPosition(name, newest)


def a_presence(**changes: object) -> Presence:
    """The presence of workers that see a whole cluster."""
    return Presence(**changes)


def a_sighting(last: float, *, first: float = 0.0, earlier: float = 0.0, **presence: object) -> Sighting:
    """A group of workers that was seen from `first` to `last`, in seconds since the epoch."""
    return Sighting(a_presence(**presence), first, last, earlier)
