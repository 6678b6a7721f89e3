import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.envelope import (
    SCHEMA,
    EntryFromTheFuture,
    EntryUnreadable,
    Envelope,
    Origin,
    from_fields,
    to_fields,
)
from tests.core.events import events
from tests.fakes.values import an_envelope, an_event, an_identity

origins = st.builds(Origin, **{field.name: st.text() for field in dataclasses.fields(Origin)})
names = st.sampled_from([*to_fields(an_envelope()), "token", ""])


def entry(**changes: object) -> dict[str, str]:
    """The fields of an ordinary entry with these changes; `...` takes one away."""
    return {name: text for name, text in {**to_fields(an_envelope()), **changes}.items() if text is not ...}


def test_an_entry_holds_the_event_and_the_verified_caller() -> None:
    assert to_fields(an_envelope(an_event(tags=("dev", "v1")), request_id="r-7")) == {
        "schema": "1",
        "image": "ghcr.io/acme/shop",
        "tags": '["dev", "v1"]',
        "request_id": "r-7",
        "repository": "acme/shop",
        "repository_id": "74",
        "repository_owner_id": "65",
        "ref": "refs/heads/main",
        "sha": "796a6cfb48152b077701fced55d480bf1d90e1e2",
        "run_id": "1959414638",
        "run_attempt": "1",
        "run_url": "https://github.com/acme/shop/actions/runs/1959414638/attempts/1",
        "actor": "octocat",
    }


def test_a_token_without_an_actor_leaves_the_place_empty() -> None:
    assert Origin.of(an_identity(actor=...)).actor == ""


def test_a_dry_run_says_so_and_nothing_else_does() -> None:
    assert to_fields(an_envelope(dry_run=True)).items() - to_fields(an_envelope()).items() == {("dry_run", "1")}


@given(st.builds(Envelope, events, st.none() | origins, st.text(), st.booleans()))
def test_an_envelope_comes_back_from_its_entry(envelope: Envelope) -> None:
    assert from_fields(to_fields(envelope)) == envelope


def test_an_entry_without_a_repository_is_one_that_only_the_channel_carried() -> None:
    adopted = Envelope(an_event(), None, "r-1")
    assert "repository" not in to_fields(adopted)
    assert from_fields(to_fields(adopted)).origin is None


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": ...},
        {"schema": ""},
        {"schema": "0"},
        {"schema": "-1"},
        {"schema": "1.0"},
        {"schema": "01"},
        {"schema": "x"},
        {"schema": "\u0662"},
        {"schema": "\u00b2"},
        {"schema": "9" * 5000},
        {"image": ...},
        {"image": ""},
        {"image": "GHCR.IO/acme/shop"},
        {"image": "ghcr.io/acme/shop\ud800"},
        {"tags": ...},
        {"tags": ""},
        {"tags": "dev"},
        {"tags": "[]"},
        {"tags": "{}"},
        {"tags": "null"},
        {"tags": '["dev"'},
        {"tags": '["dev","dev"]'},
        {"tags": '["-"]'},
        {"tags": '["\ud800"]'},
        {"tags": "[" * 5000},
        {"tags": " " * 9000},
        {"request_id": ...},
        *({field.name: ...} for field in dataclasses.fields(Origin) if field.name != "repository"),
    ],
)
def test_an_entry_that_krt_never_wrote_is_unreadable(changes: dict[str, object]) -> None:
    with pytest.raises(EntryUnreadable, match=r"."):
        from_fields(entry(**changes))


@pytest.mark.parametrize("schema", [SCHEMA + 1, 99, 999_999_999])
def test_an_entry_of_a_newer_krt_is_left_to_a_newer_worker_whatever_it_holds(schema: int) -> None:
    with pytest.raises(EntryFromTheFuture, match=str(schema)):
        from_fields({"schema": str(schema), "image": "", "kind": "bundle"})


def test_a_field_that_krt_does_not_know_is_passed_over() -> None:
    assert from_fields(entry(note="by hand")) == an_envelope()


def test_a_missing_field_is_named() -> None:
    with pytest.raises(EntryUnreadable, match="it has no field 'sha'"):
        from_fields(entry(sha=...))


@given(st.dictionaries(names, st.text() | st.sampled_from(["1", "2", '["dev"]', "acme/shop"])))
def test_any_fields_are_an_envelope_or_one_of_two_errors(fields: dict[str, str]) -> None:
    try:
        from_fields(fields)
    except (EntryUnreadable, EntryFromTheFuture):
        return
    assert fields["schema"] == "1"
