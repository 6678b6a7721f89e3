"""Reads an image and its tags from a command line: lenient in form, strict in meaning.

The form is lenient because docker/metadata-action prints whole references, one on each line. `krt.core.announce.event`
reads the body of a call to krt web, and is strict in form as well.
"""

from collections.abc import Iterator

from krt.core.announce.event import TAG_FORM, Event, build
from krt.core.announce.image import complete, is_tag, split_tag
from krt.errors import EventInvalid

_MOST_SHOWN = 200  # characters of a word that an error sentence quotes


def read(image: str, tags: str | None) -> Event:
    """The event for `image` and for `tags`, which commas or line ends separate. Raises EventInvalid.

    A tag may be written as a whole reference of the same image. Empty lines and a comma at the end of a line are
    ignored. Without `tags`, `image` has to end with its tag.
    """
    words = [*_words(tags or "")]
    name, own_tag = split_tag(image)
    if words:
        build(name, ["latest"])  # refuses a bad image first, before the tags are compared with it
        return build(image, [_tag(word, name) for word in words])
    if own_tag is None:
        build(image if "@" in image else name, ["latest"])
        raise EventInvalid("tags", "no tag is given: write it in the image, as in shop:dev, or in --tags")
    return build(image, None)


def _words(tags: str) -> Iterator[str]:
    for line in tags.splitlines():
        words = [word.strip() for word in line.strip().removesuffix(",").split(",")]
        if any(words) and not all(words):
            raise EventInvalid("tags", "there is no tag between two commas")
        yield from filter(None, words)


def _tag(word: str, image: str) -> str:
    if is_tag(word):
        return word
    shown = f"{word[:_MOST_SHOWN]!a}"
    if any(map(str.isspace, word)):
        raise EventInvalid("tags", f"{shown} holds a blank: put commas between tags, or each tag on a line of its own")
    if "@" in word:
        raise EventInvalid("tags", f"{shown} names a digest: an event names tags")
    name, tag = split_tag(word)
    if "/" not in word and ":" not in word:
        raise EventInvalid("tags", f"{shown} is not a tag: {TAG_FORM}")
    try:
        is_same = complete(name) == complete(image)
    except ValueError as error:
        raise EventInvalid("tags", f"{shown} is neither a tag nor a reference of an image: {error}") from error
    if not is_same:
        raise EventInvalid("tags", f"{shown} is of another image than {image}: announce each image by itself")
    if tag is None or not is_tag(tag):
        raise EventInvalid("tags", f"{shown} names no tag of {image}: {TAG_FORM}")
    return tag
