from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.delivery.pending_restarts import MOST_TARGETS, RESTART_PENDING, Pending, read_pending, take_off
from krt.core.delivery.restart_target import parse_target
from krt.core.delivery.secret_bundle import (
    BUNDLE_SHA256,
    MOST_BYTES,
    Apply,
    AsItIs,
    Bundle,
    Refuse,
    decide_write,
)
from tests.core.delivery.world import A, B, publication

ONE = publication(b"one")
DIGEST = ONE.bundle.digest


def live(content: bytes = b"one", *, key: str = "dist.tgz", **changes: Any) -> dict[str, Any]:
    """A Secret as krt leaves it; `annotations` are added, None takes one away."""
    annotations = {BUNDLE_SHA256: sha256(content).hexdigest(), **changes.pop("annotations", {})}
    metadata = {
        "namespace": "shop",
        "name": "web",
        "resourceVersion": "7",
        "annotations": {name: text for name, text in annotations.items() if text is not None},
        **changes.pop("metadata", {}),
    }
    return {"metadata": metadata, "type": "Opaque", "data": {key: b64encode(content).decode()}, **changes}


def listing(*targets: Any, digest: str = DIGEST) -> dict[str, str]:
    return {RESTART_PENDING: str(Pending(digest, "c0", targets))}


def test_the_first_publication_owes_every_restart_in_the_write_that_makes_the_secret() -> None:
    decision = decide_write(ONE, None, change="c1")
    assert isinstance(decision, Apply)
    assert decision.manifest.key == ("", "Secret", "shop", "web")
    assert decision.manifest.body == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "namespace": "shop",
            "name": "web",
            "annotations": {
                "hyops.bundle-sha256": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
                "krt/restart-pending": f"{DIGEST} c1 deployment/a deployment/b",
            },
            "resourceVersion": "1",  # of no object: a Secret that comes meanwhile is not overwritten
        },
        "type": "Opaque",
        "data": {"dist.tgz": "b25l"},
    }


@pytest.mark.parametrize(
    "found",
    [
        live(b"two"),
        live(key="other.tgz"),
        live(data={"dist.tgz": "aGFuZA=="}),
        live(data=None),
        live(annotations={BUNDLE_SHA256: "0" * 64}),
        live(annotations={BUNDLE_SHA256: None}),
        live(annotations={RESTART_PENDING: "what is this"}),
        live(annotations={RESTART_PENDING: ""}),
        live(annotations=listing(A, digest="0" * 64)),
        live(annotations={BUNDLE_SHA256: None}, immutable=True),
    ],
)
def test_a_secret_that_differs_in_anything_is_a_change_and_written_only_as_it_was_read(found: dict[str, Any]) -> None:
    decision = decide_write(ONE, found, change="c1")
    assert isinstance(decision, Apply)
    metadata: Any = decision.manifest.body["metadata"]
    assert metadata["resourceVersion"] == "7"
    assert metadata["annotations"][RESTART_PENDING] == f"{DIGEST} c1 deployment/a deployment/b"


@pytest.mark.parametrize(
    "found",
    [
        live(),
        live(annotations=listing(A)),
        live(annotations=listing(B, parse_target("deployment/c"))),
        live(immutable=True),
        live(type=None),
        live(data={"dist.tgz": "b25l", "others": "eA=="}),
    ],
)
def test_a_secret_that_holds_the_bundle_is_not_written(found: dict[str, Any]) -> None:
    assert decide_write(ONE, found, change="c1") == AsItIs()


def test_without_targets_no_list_is_written_but_one_that_is_there_is_emptied() -> None:
    """Seen to fail with the list left out: one that another field manager has stays as it was."""
    bare = publication(b"two")
    bare = type(bare)(bare.namespace, bare.secret, bare.bundle)
    for found, said in ((live(), None), (live(annotations=listing(A)), f"{bare.bundle.digest} c1")):
        decision = decide_write(bare, found, change="c1")
        assert isinstance(decision, Apply)
        metadata: Any = decision.manifest.body["metadata"]
        assert metadata["annotations"].get(RESTART_PENDING) == said


@pytest.mark.parametrize(
    ("found", "content", "reason"),
    [
        (
            live(type="kubernetes.io/tls"),
            b"one",
            (
                "Secret shop/web is of type kubernetes.io/tls, which cannot be changed: "
                "name another one, or delete it first"
            ),
        ),
        (
            live(immutable=True),
            b"two",
            "Secret shop/web is immutable and holds other bytes: name another one, or delete it first",
        ),
        (
            live(metadata={"deletionTimestamp": "2026-11-20T12:00:00Z"}),
            b"one",
            "Secret shop/web is being deleted: try again once it is gone",
        ),
        (
            None,
            b"x" * (MOST_BYTES + 1),
            "the bundle has 1048577 bytes, and a Secret holds at most 1048576: publish a smaller file",
        ),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_before_it_is_sent(
    found: dict[str, Any] | None, content: bytes, reason: str
) -> None:
    assert decide_write(publication(content), found, change="c1") == Refuse(reason)


def test_more_targets_than_a_list_can_hold_are_refused() -> None:
    """Seen to fail with the list written: no run can read it, and each takes it for somebody else's."""
    named = [parse_target(f"deployment/d{number}") for number in range(MOST_TARGETS + 1)]
    assert isinstance(decide_write(publication(b"one", *named[1:]), None, change="c1"), Apply)
    reason = "101 restart targets are named, and krt takes at most 100: name fewer"
    assert decide_write(publication(b"one", *named), None, change="c1") == Refuse(reason)


def test_a_file_of_exactly_one_mebibyte_is_published() -> None:
    assert isinstance(decide_write(publication(b"x" * MOST_BYTES), None, change="c1"), Apply)


def test_neither_bundle_nor_decision_shows_a_byte() -> None:
    """Seen to fail with `repr` as dataclasses make it."""
    wanted = publication(b"hunter2")
    shown = repr((wanted, decide_write(wanted, None, change="c1")))
    assert "hunter2" not in shown
    assert b64encode(b"hunter2").decode() not in shown


@given(st.binary(max_size=99), st.binary(max_size=99), st.sampled_from(["a", "b"]), st.sampled_from(["a", "b"]))
def test_two_bundles_are_one_if_key_and_bytes_are(one: bytes, other: bytes, key: str, other_key: str) -> None:
    first, second = Bundle(key, one), Bundle(other_key, other)
    assert (first.digest == second.digest) is ((key, one) == (other_key, other))
    assert first.sha256 == sha256(b64decode(first.data[key])).hexdigest()


CHANGES = st.from_regex("[0-9a-z]{1,16}", fullmatch=True)
TARGETS = st.lists(st.sampled_from([A, B, parse_target("sts/db"), parse_target("ds/x.y")]), max_size=4, unique=True)


@given(CHANGES, TARGETS)
def test_a_list_is_read_as_it_was_written(change: str, targets: list[Any]) -> None:
    pending = Pending(DIGEST, change, tuple(targets))
    assert read_pending(live(annotations={RESTART_PENDING: str(pending)})) == pending


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "x", DIGEST, f"{DIGEST} ", f"{DIGEST[1:]} c1", f"{DIGEST} C1", f"{DIGEST} c1 job/x"),
        f"{DIGEST} c1 {' '.join(['deployment/a'] * (MOST_TARGETS + 1))}",
        f"{DIGEST} c1 {' ' * 70_000}deployment/a",
    ],
)
def test_what_is_no_list_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be KIND|it is not DIGEST"):
        read_pending(live(annotations={RESTART_PENDING: text}))


@pytest.mark.parametrize(
    ("targets", "off", "left"),
    [
        ((A, B), A, f"{DIGEST} c0 deployment/b"),
        ((A, B), B, f"{DIGEST} c0 deployment/a"),
        ((A,), A, None),
        ((B,), A, f"{DIGEST} c0 deployment/b"),
    ],
)
def test_a_target_is_taken_off_the_list_of_that_very_version(targets: Any, off: Any, left: str | None) -> None:
    """Seen to fail with an empty list left behind: the next apply of the same bundle would be a write."""
    assert take_off(live(annotations=listing(*targets)), off) == {
        "metadata": {"resourceVersion": "7", "annotations": {RESTART_PENDING: left}}
    }
