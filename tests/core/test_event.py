import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.announce.event import Event, build, is_journaled, parse, to_json, to_message
from krt.core.announce.image import is_tag
from krt.errors import EventInvalid
from tests.core.events import NO_BODIES, NO_IMAGES, NO_TAGS, anything, events
from tests.core.images import nearly, tag
from tests.fakes.raised import raised
from tests.fakes.values import an_event


def body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("body", "image", "repository", "tags"),
    [
        (b'{"image":"ghcr.io/acme/shop","tags":["dev"]}', "ghcr.io/acme/shop", "ghcr.io/acme/shop", ("dev",)),
        (b'{"tags":["b","a"],"image":"ghcr.io/acme/shop"}', "ghcr.io/acme/shop", "ghcr.io/acme/shop", ("b", "a")),
        (b'{"image":"ghcr.io/acme/shop:dev"}', "ghcr.io/acme/shop", "ghcr.io/acme/shop", ("dev",)),
        (b'{"image":"ghcr.io/acme/shop:dev","tags":null}', "ghcr.io/acme/shop", "ghcr.io/acme/shop", ("dev",)),
        (b'{"image":"localhost:5001/shop:dev"}', "localhost:5001/shop", "localhost:5001/shop", ("dev",)),
        (b'{"image":"localhost:5001/shop","tags":["dev"]}', "localhost:5001/shop", "localhost:5001/shop", ("dev",)),
        (b'{"image":"nginx","tags":["latest"]}', "nginx", "docker.io/library/nginx", ("latest",)),
        (b' {"image" : "\\u0061cme/shop","tags":["dev"]}\r\n', "acme/shop", "docker.io/acme/shop", ("dev",)),
    ],
)
def test_an_event_names_an_image_as_written_and_what_it_stands_for(
    body: bytes, image: str, repository: str, tags: tuple[str, ...]
) -> None:
    event = parse(body)
    assert (event.image, event.repository, event.tags) == (image, repository, tags)


@pytest.mark.parametrize(
    "body",
    NO_BODIES,
)
def test_a_body_that_another_reader_could_read_otherwise_is_refused(body: bytes) -> None:
    with pytest.raises(EventInvalid) as caught:
        parse(body)
    assert caught.value.field == "body"
    assert caught.value.problem


@pytest.mark.parametrize(
    "image",
    NO_IMAGES,
)
def test_an_image_that_names_none_is_refused_by_name(image: object) -> None:
    with pytest.raises(EventInvalid) as caught:
        parse(body(image=image, tags=["dev"]))
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    "tags",
    NO_TAGS,
)
def test_tags_that_are_none_are_refused_by_name(tags: object) -> None:
    with pytest.raises(EventInvalid) as caught:
        parse(body(image="ghcr.io/acme/shop", tags=tags))
    assert caught.value.field == "tags"


def test_a_digest_is_refused_as_such() -> None:
    with pytest.raises(EventInvalid, match="image: an event names tags, not a digest"):
        parse(body(image="ghcr.io/acme/shop:dev@sha256:" + "0" * 64))


def test_missing_fields_are_refused_by_name() -> None:
    with pytest.raises(EventInvalid, match="image: "):
        parse(b'{"tags":["dev"]}')
    with pytest.raises(EventInvalid, match="tags: "):
        parse(b'{"image":"ghcr.io/acme/shop"}')


@pytest.mark.parametrize("image", ["ghcr.io/acme/shop:", "ghcr.io/acme/shop:-x", "shop:a b"])
def test_a_tag_within_the_image_is_held_to_the_same_rule(image: str) -> None:
    with pytest.raises(EventInvalid, match="tags: a tag is up to 128 letters"):
        parse(body(image=image))


def test_sixteen_long_tags_are_accepted_and_stay_small() -> None:
    event = build("ghcr.io/" + "a" * 247, [f"{number:0128}" for number in range(16)])
    assert len(to_message(event)) < 4096


@given(events)
def test_an_event_comes_back_from_its_json_and_its_message(event: Event) -> None:
    assert parse(to_json(event)) == event
    assert parse(to_message(event)) == event


@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_a_body_is_an_event_or_event_invalid(body: bytes) -> None:
    match raised(parse, body):
        case EventInvalid(field=field, problem=problem) as error:
            assert field in ("body", "image", "tags")
            assert str(error) == f"{field}: {problem}"
        case error:
            assert error is None


@given(nearly | anything, anything | st.lists(nearly | tag))
def test_any_two_values_are_an_event_or_event_invalid(image: object, tags: object) -> None:
    error = raised(build, image, tags)
    if error is None:
        event = build(image, tags)
        assert event.tags
        assert all(is_tag(tag) for tag in event.tags)
        assert parse(to_json(event)) == event
    else:
        assert isinstance(error, EventInvalid)
        assert error.field in ("image", "tags")


def test_the_json_is_the_go_peers_byte_for_byte() -> None:
    assert to_json(an_event(tags=("dev", "v1"))) == b'{"image":"ghcr.io/acme/shop","tags":["dev","v1"]}'


def test_a_message_says_that_the_journal_holds_its_event() -> None:
    message = to_message(an_event())
    assert message == b'{"image":"ghcr.io/acme/shop","tags":["dev"]}\n \n'
    assert json.loads(message)["tags"] == ["dev"]
    assert is_journaled(message)


@pytest.mark.parametrize(
    "ending", [b"", b"\n", b"\n\n", b"\r\n", b" ", b"\n ", b" \n", b"\n \n\n", b"\n  \n", b"\n \n "]
)
def test_a_message_of_another_sender_does_not_say_so(ending: bytes) -> None:
    assert not is_journaled(to_json(an_event()) + ending)
