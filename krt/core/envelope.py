"""An event together with its origin, as the journal stores them. No type here has a field for a token."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from krt.core.announce.event import MOST_BYTES, Event, build
from krt.core.caller.identity import Identity
from krt.core.strict_json import StrictJsonError, loads
from krt.errors import EventInvalid, KrtError

SCHEMA = 1  # the version of a journal entry's fields; a worker leaves an entry of a higher version for a newer worker
_SCHEMA_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


class EntryUnreadable(KrtError):
    """A journal entry has no fields, or fields that no version of krt writes."""


class EntryFromTheFuture(KrtError):
    """A journal entry was written by a newer krt. The message is its schema number."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who announced an event: those verified claims of the token that people may ask for afterwards.

    A claim that the token lacked is "".
    """

    repository: str
    repository_id: str
    repository_owner_id: str
    ref: str
    sha: str
    run_id: str
    run_attempt: str
    run_url: str
    actor: str

    @classmethod
    def of(cls, identity: Identity) -> "Origin":
        """The origin of an event that `identity` announced."""
        return cls(**{field.name: getattr(identity, field.name) or "" for field in fields(cls)})

    def named(self) -> dict[str, str]:
        """Four claims and the run's URL, by the names that logs and reports give them; a missing one is left out."""
        run = {"run": self.run_url} if self.run_url else {}
        names = ("repository", "ref", "sha", "actor")
        return {name: value for name in names if (value := getattr(self, name))} | run


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event as it is stored. `origin` is None if the event came from the channel, where nobody has verified it."""

    event: Event
    origin: Origin | None
    request_id: str
    dry_run: bool = False  # nothing is restarted, only reported


def to_fields(envelope: Envelope) -> dict[str, str]:
    """The fields of the journal entry for `envelope`."""
    event = envelope.event
    own = {
        "schema": str(SCHEMA),
        "image": event.image,
        "tags": json.dumps(event.tags),
        "request_id": envelope.request_id,
    }
    origin = envelope.origin
    own |= {"dry_run": "1"} if envelope.dry_run else {}
    return own | ({f.name: getattr(origin, f.name) for f in fields(origin)} if origin else {})


def from_fields(entry: Mapping[str, str]) -> Envelope:
    """The envelope that a journal entry's fields hold. Raises EntryUnreadable and EntryFromTheFuture."""
    if not entry:
        raise EntryUnreadable("it has no fields, or is larger than any entry that krt writes")
    schema = entry.get("schema", "")
    if not _SCHEMA_NUMBER.fullmatch(schema):
        raise EntryUnreadable("its schema is not a number")
    if int(schema) > SCHEMA:
        raise EntryFromTheFuture(schema)
    try:
        event = build(entry["image"], loads(entry["tags"].encode(), max_bytes=MOST_BYTES))
        origin = Origin(**{f.name: entry[f.name] for f in fields(Origin)}) if "repository" in entry else None
        return Envelope(event, origin, entry["request_id"], "dry_run" in entry)
    except KeyError as error:
        raise EntryUnreadable(f"it has no field {error}") from error
    except (EventInvalid, StrictJsonError, UnicodeEncodeError) as error:
        raise EntryUnreadable(str(error)) from error
