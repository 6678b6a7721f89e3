"""The stand-in takes and refuses patches as the real server does, in the same words where krt could meet them."""

from typing import Any

import pytest

from tests.contract.pair import MERGE, RESTART, WEB, Call, Pair, assert_alike

WORDED = ("message", "details")  # the stand-in refuses it in its own words
TAKEN = [
    RESTART,
    {},
    {"metadata": {"annotations": {"a": "b"}}},
    {"metadata": {"annotations": {"a": None}}},
    {"metadata": {"annotations": None}},
    {"metadata": {"labels": {"tier": "front"}}},
    {"metadata": {"generation": 77, "creationTimestamp": None}},
    {"status": {"replicas": 9}},
    {"spec": {"replicas": 3}},
    {"metadata": {"resourceVersion": ""}},
    {"metadata": {"resourceVersion": None}},
    {"metadata": {"resourceVersion": "0"}},
]
REFUSED: list[tuple[Any, int, tuple[str, ...]]] = [
    ({"metadata": {"resourceVersion": "1"}}, 409, ()),
    ({"metadata": {"resourceVersion": "99999999"}}, 409, ()),
    ({"metadata": {"resourceVersion": "abc"}}, 500, ()),
    ({"metadata": {"resourceVersion": 5}}, 422, WORDED),
    ({"metadata": None}, 400, ()),
    ({"metadata": {"name": "other"}}, 400, ()),
    ({"metadata": {"namespace": "other"}}, 400, ()),
    ({"metadata": {"uid": "other"}}, 422, ()),
    ({"metadata": {"annotations": {"a b": "1"}}}, 422, ()),
    ({"metadata": {"annotations": {"a": 1}}}, 422, WORDED),
    ({"metadata": {"annotations": []}}, 422, WORDED),
    ({"metadata": {"annotations": {"a": "x" * 300_000}}}, 422, ()),
    ({"spec": {"replicas": -1}}, 422, ()),
    ({"spec": {"replicas": "3"}}, 422, WORDED),
    ({"spec": {"selector": {"matchLabels": {"app": "other"}}}}, 422, WORDED),
    ({"spec": {"template": {"spec": {"containers": []}}}}, 422, ()),
    ({"spec": None}, 422, WORDED),
    ({"spec": {"template": {"metadata": {"annotations": {"a b": "1"}}}}}, 422, ()),
    ({"spec": {"template": {"metadata": {"annotations": {"a": False}}}}}, 422, WORDED),
    (b"{", 400, ("message",)),
    (b"", 400, ("message",)),
    (b"[]", 400, ("message",)),
    (b"null", 400, ("message",)),
]


def patch(body: Any, *but: str) -> Call:
    return Call("PATCH", WEB, {"fieldManager": "krt"}, body, MERGE, but)


async def test_what_is_refused_changes_nothing(pair: Pair, subtests: pytest.Subtests) -> None:
    before = [await each.get() for each in (pair.real, pair.stand_in)]
    for body, status, but in REFUSED:
        with subtests.test(repr(body)[:80]):
            await assert_alike(pair, patch(body, *but), status)
    assert [await each.get() for each in (pair.real, pair.stand_in)] == before


@pytest.mark.parametrize("body", TAKEN, ids=lambda body: repr(body)[:60])
async def test_what_is_taken(pair: Pair, body: Any) -> None:
    await assert_alike(pair, patch(body), 200)
    await assert_alike(pair, Call("GET", WEB), 200)


async def test_content_types(pair: Pair, subtests: pytest.Subtests) -> None:
    for content_type, status in [
        (f"{MERGE}; charset=utf-8", 200),
        ("application/json", 415),
        ("text/plain", 415),
        ("", 415),
    ]:
        with subtests.test(content_type):
            await assert_alike(pair, Call("PATCH", WEB, body={}, content_type=content_type), status)


@pytest.mark.parametrize("code", [403, 422])
async def test_the_refusal_of_an_admission_policy(pair: Pair, code: int) -> None:
    async with pair.real.refusing_patches(code), pair.stand_in.refusing_patches(code):
        await assert_alike(pair, patch(RESTART), code)
