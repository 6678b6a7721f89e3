"""How many connections the listeners may have, so that files are left for all else that krt opens."""

import sys
from dataclasses import dataclass

from krt.errors import SettingsInvalid
from krt.logs import Log
from krt.settings.load import Settings

log = Log("daemon")

LEAST_FILES = 48
READING_CALLS = 16
_OWN_FILES = 32  # standard streams, Trio's, listeners, Valkey's, those of a moment; a web uses 12, a worker 18
_MOST_PUBLIC, _MOST_ADMIN = 1536, 256
_LEAST = 4
_RAISE = "raise it (LimitNOFILE of systemd, ulimit -n)"


@dataclass(frozen=True, slots=True)
class Room:
    """The most connections of the public listener and of the admin listener. Neither takes the other's files."""

    public: int
    admin: int


def room_for(settings: Settings) -> Room:
    """What the limit of open files has room for; a line where that is less than usual.

    Raises SettingsInvalid where krt itself has none.
    """
    limit = _limit()
    if limit is None:
        return Room(_MOST_PUBLIC, _MOST_ADMIN)
    if limit < LEAST_FILES:
        raise SettingsInvalid((f"the limit of open files is {limit}, and krt needs {LEAST_FILES} at least: {_RAISE}",))
    room = _divided(limit - _OWN_FILES - _of_cluster(settings))
    if (settings.web and room.public < _MOST_PUBLIC) or room.admin < _MOST_ADMIN:
        problem = f"the limit of open files leaves room for fewer connections than usual: {_RAISE}"
        log.warning("few_files", limit=limit, public=room.public, admin=room.admin, problem=problem)
    return room


def _divided(files: int) -> Room:
    admin = max(_LEAST, min(_MOST_ADMIN, files // 4))
    return Room(max(_LEAST, min(_MOST_PUBLIC, files - admin)), admin)


def _of_cluster(settings: Settings) -> int:
    """How many connections the cluster takes: its calls at once, and a watch of each kind in each namespace."""
    cluster = settings.cluster
    if cluster is None:
        return 0
    return cluster.parallel_patches + READING_CALLS + (len(cluster.kinds) + 1) * max(1, len(cluster.namespaces))


def _limit() -> int | None:
    """How many files this process may open; None: as many as it likes."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
