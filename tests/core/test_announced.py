"""Tags as people and docker/metadata-action write them. Seen to fail with the words handed to `build` as they are."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.announce.announced import read
from krt.errors import EventInvalid

SHOP = "ghcr.io/acme/shop"
DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("image", "tags", "wanted"),
    [
        (SHOP, f"{SHOP}:dev\n{SHOP}:sha-ad132f5", ("dev", "sha-ad132f5")),
        (SHOP, f"{SHOP}:dev\r\n{SHOP}:v1.2\r\n", ("dev", "v1.2")),
        (SHOP, f"{SHOP}:dev,{SHOP}:v1,", ("dev", "v1")),
        (SHOP, f"\n\n  {SHOP}:dev  \n\t\n v1 \n", ("dev", "v1")),
        (SHOP, "dev,", ("dev",)),
        (SHOP, "dev, v1,\n,\n \n v2 ,\n", ("dev", "v1", "v2")),
        ("localhost:5001/shop", "localhost:5001/shop:dev", ("dev",)),
        ("shop", "docker.io/library/shop:dev\nshop:v1", ("dev", "v1")),
        ("docker.io/acme/shop", "acme/shop:dev,index.docker.io/acme/shop:v1", ("dev", "v1")),
        (f"{SHOP}:dev", None, ("dev",)),
        (f"{SHOP}:dev", "", ("dev",)),
        (f"{SHOP}:dev", " ,\r\n", ("dev",)),
    ],
)
def test_tags_alone_or_in_references_of_the_image_are_taken(
    image: str, tags: str | None, wanted: tuple[str, ...]
) -> None:
    assert read(image, tags).tags == wanted


@pytest.mark.parametrize(
    ("image", "tags", "field", "sentence"),
    [
        (SHOP, "ghcr.io/acme/cart:dev", "tags", "'ghcr.io/acme/cart:dev' is of another image than ghcr.io/acme/shop"),
        (SHOP, f"{SHOP}:dev\nacme/shop:dev", "tags", "'acme/shop:dev' is of another image"),
        (SHOP, "shop:dev", "tags", "'shop:dev' is of another image"),
        (SHOP, f"{SHOP}@{DIGEST}", "tags", "names a digest: an event names tags"),
        (SHOP, f"{SHOP}:dev@{DIGEST}", "tags", "names a digest"),
        (SHOP, DIGEST, "tags", "is of another image"),
        (SHOP, SHOP, "tags", f"'{SHOP}' names no tag of {SHOP}"),
        (SHOP, f"{SHOP}:", "tags", "names no tag"),
        (SHOP, f"{SHOP}:-x", "tags", "names no tag"),
        (SHOP, "GHCR.io/acme/shop:dev", "tags", "is neither a tag nor a reference of an image"),
        (SHOP, "https://ghcr.io/acme/shop:dev", "tags", "is neither a tag nor a reference"),
        (SHOP, ":dev", "tags", "is neither a tag nor a reference"),
        (SHOP, "de+v", "tags", "'de+v' is not a tag: a tag is up to 128 letters"),
        (SHOP, "dev v1", "tags", "'dev v1' holds a blank: put commas between tags, or each tag on"),
        (SHOP, f"{SHOP}:dev {SHOP}:v1", "tags", "holds a blank"),
        (SHOP, f"{SHOP}:dev\tv1", "tags", "holds a blank"),
        (SHOP, "dev, v1 v2", "tags", "'v1 v2' holds a blank"),
        (SHOP, f"{SHOP}: dev", "tags", "holds a blank"),
        (SHOP, "\x1b[2J", "tags", "'\\x1b[2J' is not a tag"),
        (SHOP, "-x", "tags", "'-x' is not a tag"),
        (SHOP, "dev,,v1", "tags", "no tag between two commas"),
        (SHOP, ",dev", "tags", "no tag between two commas"),
        (SHOP, "dev,dev", "tags", "a tag is listed twice"),
        (SHOP, f"dev\n{SHOP}:dev", "tags", "a tag is listed twice"),
        (SHOP, None, "tags", "no tag is given: write it in the image"),
        (SHOP, "", "tags", "no tag is given"),
        (SHOP, "\n,\r\n ", "tags", "no tag is given"),
        (f"{SHOP}:dev", f"{SHOP}:v1", "image", "not in both"),
        ("", "dev", "image", "a non-empty string is required"),
        ("", None, "image", "a non-empty string is required"),
        (f"{SHOP}@{DIGEST}", f"{SHOP}:dev", "image", "an event names tags, not a digest"),
        (f"{SHOP}@{DIGEST}", None, "image", "an event names tags, not a digest"),
        (SHOP, ",".join(f"v{number}" for number in range(17)), "tags", "at most 16 tags"),
    ],
)
def test_a_word_that_cannot_be_read_is_refused_with_its_own_cause(
    image: str, tags: str | None, field: str, sentence: str
) -> None:
    with pytest.raises(EventInvalid) as caught:
        read(image, tags)
    assert caught.value.field == field
    assert sentence in caught.value.problem


@given(st.text(max_size=40), st.none() | st.text(max_size=60))
def test_no_text_raises_anything_but_a_sentence(image: str, tags: str | None) -> None:
    with suppress(EventInvalid):
        assert read(image, tags).tags


@given(
    st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True), min_size=1, max_size=16, unique=True)
)
def test_references_are_the_same_event_as_their_tags(tags: list[str]) -> None:
    assert read(SHOP, "\n".join(f"{SHOP}:{tag}" for tag in tags)) == read(SHOP, ",".join(tags))
