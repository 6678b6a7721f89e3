"""An event: these tags of this image were pushed. The body of a call and a message on the channel are the same JSON."""

import json
from dataclasses import dataclass
from typing import cast

from krt.core.announce import image as images
from krt.core.strict_json import StrictJsonError, loads
from krt.errors import EventInvalid

MOST_BYTES = 8192  # of an event's JSON
MOST_TAGS = 16
TAG_FORM = "a tag is up to 128 letters, digits, '_', '.' and '-', not starting with '.' or '-'"

# krt appends this to the JSON that it publishes for an event that is in the journal. Parsers of JSON skip it as white
# space. Nobody types it by accident, whereas `valkey-cli -x` and some encoders add a lone newline.
JOURNALED = b"\n \n"


@dataclass(frozen=True, slots=True)
class Event:
    """`image` is the name as the caller wrote it, without a tag, `repository` its canonical form.

    There are one to MOST_TAGS `tags`, none of them twice.
    """

    image: str
    repository: images.Repository
    tags: tuple[str, ...]


def parse(body: bytes) -> Event:
    """The event in `{"image": …, "tags": […]}` or `{"image": "name:tag"}`. Raises EventInvalid."""
    try:
        value = loads(body, max_bytes=MOST_BYTES)
    except StrictJsonError as error:
        raise EventInvalid("body", str(error)) from error
    if not isinstance(value, dict):
        raise EventInvalid("body", 'not a JSON object like {"image": "ghcr.io/acme/shop", "tags": ["dev"]}')
    fields = cast("dict[str, object]", value)
    if fields.keys() - {"image", "tags"}:
        raise EventInvalid("body", 'only "image" and "tags" are known fields')
    return build(fields.get("image"), fields.get("tags"))


def build(image: object, tags: object) -> Event:
    """The event for two values of any type, as parsed JSON gives them. Raises EventInvalid."""
    if not isinstance(image, str) or not image:
        raise EventInvalid("image", "a non-empty string is required")
    if "@" in image:
        raise EventInvalid("image", "an event names tags, not a digest")
    name, tag = images.split_tag(image)
    if tag is not None and tags is not None:
        raise EventInvalid("image", 'write the tag in "image" or in "tags", not in both')
    return Event(image=name, repository=_repository(name), tags=_tags([tag] if tag is not None else tags))


def to_json(event: Event) -> bytes:
    """`{"image":…,"tags":[…]}` without white space, byte for byte as the Go peer of docs/migrating.md publishes it."""
    return json.dumps({"image": event.image, "tags": list(event.tags)}, separators=(",", ":")).encode()


def to_message(event: Event) -> bytes:
    """The message to publish on the channel for an event that is in the journal."""
    return to_json(event) + JOURNALED


def is_journaled(message: bytes) -> bool:
    """Whether a message of the channel belongs to an event that is in the journal."""
    return message.endswith(JOURNALED)


def _repository(name: str) -> images.Repository:
    try:
        return images.complete(name)
    except ValueError as error:
        raise EventInvalid("image", str(error)) from error


def _tags(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise EventInvalid("tags", "a non-empty array of strings is required")
    if len(value) > MOST_TAGS:
        raise EventInvalid("tags", f"at most {MOST_TAGS} tags in one event")
    tags = tuple(tag for tag in value if isinstance(tag, str) and images.is_tag(tag))
    if len(tags) != len(value):
        whole = any(isinstance(tag, str) and set(tag) & set("/:@") for tag in value)
        raise EventInvalid("tags", f"{'write the tag alone, not the whole reference: ' if whole else ''}{TAG_FORM}")
    if len(set(tags)) != len(tags):
        raise EventInvalid("tags", "a tag is listed twice")
    return tags
