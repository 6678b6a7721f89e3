"""The cause of a restart for people: a line of words `name=value`, such as `image=ghcr.io/acme/shop:dev actor=octocat`.

The line goes into the annotation `krt/cause` and into the note of a Kubernetes Event. The admission policy in deploy/
allows 1,024 characters for the annotation; the API server allows 1,024 bytes for the note.
"""

from collections.abc import Mapping
from urllib.parse import quote

from krt.core.envelope import Envelope

MOST_BYTES = 1000  # with the words before it in an Event's note, the sum is less than 1,024

# The fields in the order of writing. Names within GitHub's own limits fit. With the fields' names the sum is less than
# MOST_BYTES, so a long ref takes no room from the fields after it.
_MOST_BYTES_EACH = {"image": 220, "actor": 80, "repository": 201, "ref": 160, "sha": 64, "run": 230}


def cause_of(envelope: Envelope) -> str:
    """The line for an event. A claim that the token lacked is left out; an event without a token has `from=channel`."""
    event, origin = envelope.event, envelope.origin
    values = {"image": f"{event.image}:{','.join(event.tags)}", **(origin.named() if origin else {})}
    line = _line(values)
    return line if origin else f"{line} from=channel"


def _line(values: Mapping[str, str]) -> str:
    written = {name: _cut(_word(values[name]), most) for name, most in _MOST_BYTES_EACH.items() if name in values}
    return " ".join(f"{name}={value}" for name, value in written.items())


def _word(value: str) -> str:
    """The value as one word: a blank becomes `%20`, and each character that cannot be printed its percent-encoding."""
    if value.isprintable() and " " not in value:
        return value
    return "".join(one if one.isprintable() and one != " " else quote(one, safe="", errors="replace") for one in value)


def _cut(word: str, most_bytes: int) -> str:
    written = word.encode()
    return word if len(written) <= most_bytes else written[: most_bytes - 3].decode(errors="ignore") + "…"
