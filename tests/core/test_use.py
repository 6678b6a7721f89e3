import re
from dataclasses import astuple

import pytest

from krt.core.announce.event import parse
from krt.core.caller.use import Use, use_of
from tests.fakes.values import an_event, an_identity


def use(**changes: object) -> Use:
    """What an ordinary call makes of its token, with changes in the call or in the token's claims."""
    call = {"path": "/event", "event": an_event(), "key": None}
    path, event, key = (changes.pop(name, usual) for name, usual in call.items())
    return use_of(an_identity(**changes), path, event, key)


def test_the_same_call_again_is_the_same_use() -> None:
    assert use() == use()
    assert use(key="k") == use(key="k")


def test_two_spellings_of_one_event_are_the_same_use() -> None:
    one = parse(b'{"image":"ghcr.io/acme/shop","tags":["dev"]}')
    other = parse(b'{ "image": "ghcr.io/\\u0061cme/shop:dev" }')
    assert use(event=one) == use(event=other)


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "/event/dry-run"},
        {"event": an_event(tags=("v1",))},
        {"event": an_event(tags=("dev", "v1"))},
        {"event": an_event("ghcr.io/acme/cart")},
    ],
)
def test_another_path_or_event_with_the_same_token_is_another_use_of_it(changes: dict[str, object]) -> None:
    assert use(**changes).token == use().token
    assert use(**changes).fingerprint != use().fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": "another"},
        {"iss": "https://github.example.com/_services/token"},
        {"repository_id": "75"},
        {"repository_id": "7"},
        {"repository_id": "740"},
    ],
)
def test_a_token_is_identified_by_issuer_repository_and_id_together(changes: dict[str, object]) -> None:
    assert use(**changes).token != use().token
    assert use(**changes).fingerprint == use().fingerprint


def test_parts_cannot_be_shifted_into_one_another() -> None:
    assert use(repository_id="7", jti="4x").token != use(repository_id="74", jti="x").token
    assert use(iss="https://a.example", jti="1x").token != use(iss="https://a.example1", jti="x").token
    assert use(key="1", run_attempt="11").retry != use(key="11", run_attempt="1").retry


def test_without_an_idempotency_key_only_the_token_tells_a_retry() -> None:
    assert use().retry is None


def test_with_an_idempotency_key_a_fresh_token_of_the_same_run_is_a_retry() -> None:
    assert use(key="k", jti="first").retry == use(key="k", jti="second").retry is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "another"},
        {"run_id": "2"},
        {"run_attempt": "2"},
        {"repository_id": "75"},
    ],
)
def test_a_retry_key_is_of_one_repository_run_attempt_and_key(changes: dict[str, object]) -> None:
    assert use(**{"key": "k", **changes}).retry != use(key="k").retry


@pytest.mark.parametrize(
    "changes", [{"path": "/event/dry-run"}, {"event": an_event(tags=("v1",))}, {"event": an_event("ghcr.io/acme/cart")}]
)
def test_another_call_with_a_key_is_found_under_it_and_told_apart(changes: dict[str, object]) -> None:
    """Seen to fail with the fingerprint in the retry key: the other call was a new event."""
    assert use(**{"key": "k", **changes}).retry == use(key="k").retry
    assert use(**{"key": "k", **changes}).fingerprint != use(key="k").fingerprint


def test_a_renamed_repository_retries_as_itself() -> None:
    assert use(key="k", repository="acme/store").retry == use(key="k").retry


def test_nothing_of_the_caller_can_be_read_from_a_use() -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in astuple(use(key="k")))
