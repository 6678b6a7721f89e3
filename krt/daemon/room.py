"""Derives the listeners' connection limits from the limit of open files, so that descriptors remain for the rest."""

import sys
from dataclasses import dataclass

from krt.errors import SettingsInvalid
from krt.logs import Log
from krt.settings.load import Settings

log = Log("daemon")

LEAST_FILES = 48
READING_CALLS = 16
CONTROLLER_CONNECTIONS = 64  # calls, waits, and a watch for each kind of the installed objects
_SOURCE_FILES = 8
_OWN_FILES = 32  # standard streams, Trio, listeners, Valkey, short-lived ones; web uses 12, worker 18
_MOST_PUBLIC, _MOST_ADMIN = 1536, 256
_LEAST = 4
_RAISE = "raise it (LimitNOFILE of systemd, ulimit -n)"


@dataclass(frozen=True, slots=True)
class Room:
    """The connection limits of the public and the admin listener. Neither listener can use the other's descriptors."""

    public: int
    admin: int


def room_for(settings: Settings) -> Room:
    """The connection limits for this process. Logs `few_files` if they are lower than usual.

    Raises SettingsInvalid if the limit of open files is below LEAST_FILES.
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
    """The connections to the API server, as many as the worker and the controller may have, and files for sources."""
    files = CONTROLLER_CONNECTIONS + _SOURCE_FILES if settings.controller else 0
    if cluster := settings.cluster:
        watches = (len(cluster.kinds) + 1) * max(1, len(cluster.namespaces))
        files += cluster.parallel_patches + READING_CALLS + watches
    return files


def _limit() -> int | None:
    """How many files this process may open; None if there is no limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
