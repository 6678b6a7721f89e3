"""What the log says of a workload when its business with an event ends."""

import pytest

from krt.core.announce.event_id import EventId
from krt.core.envelope import Envelope
from krt.core.restart.intent import of_image
from krt.core.restart.outcome import Covered, Expired, Failed, Outcome, Restarted, Superseded, Unmatched
from krt.worker.entry import Entry
from tests.fakes.values import NEWEST, a_workload, an_envelope, an_event, an_identity

WORKLOAD = a_workload()
PROVENANCE = {
    "image": "ghcr.io/acme/shop",
    "tags": ("dev",),
    "repository": "acme/shop",
    "ref": "refs/heads/main",
    "sha": "796a6cfb48152b077701fced55d480bf1d90e1e2",
    "actor": "octocat",
    "run": "https://github.com/acme/shop/actions/runs/1959414638/attempts/1",
}


def said(caplog: pytest.LogCaptureFixture, envelope: Envelope, outcome: Outcome) -> dict[str, object]:
    """The fields of the line that the outcome leaves."""
    caplog.set_level("INFO")
    intent = of_image(EventId(1, 0), envelope, require_opt_in=False)
    entry = Entry(EventId(1, 0), envelope, intent, 0.0, 0.0, lambda _: None, lambda _: None)
    entry.want(WORKLOAD.key)
    entry.settle(WORKLOAD.key, outcome)
    (record,) = caplog.records
    return record.__dict__["fields"]


@pytest.mark.parametrize("outcome", [Restarted(WORKLOAD, NEWEST), Failed("422"), Expired("in vain")])
def test_a_restart_and_one_that_failed_name_the_person_and_the_commit(caplog, outcome: Outcome) -> None:
    """Seen to fail with the fields as they were before: only ids."""
    assert said(caplog, an_envelope(), outcome).items() >= PROVENANCE.items()


@pytest.mark.parametrize("outcome", [Covered(WORKLOAD, NEWEST), Superseded(NEWEST), Unmatched("gone")])
def test_where_nothing_was_restarted_the_line_stays_short(caplog, outcome: Outcome) -> None:
    assert "actor" not in said(caplog, an_envelope(), outcome)


def test_a_claim_that_is_missing_and_an_event_of_the_channel_leave_no_empty_field(caplog) -> None:
    fields = said(caplog, an_envelope(identity=an_identity(actor=...)), Failed("422"))
    assert fields.keys() & PROVENANCE.keys() == PROVENANCE.keys() - {"actor"}
    caplog.clear()
    fields = said(caplog, Envelope(an_event(), None, "r-1"), Failed("422"))
    assert fields.keys() & PROVENANCE.keys() == {"image", "tags"}


def test_only_the_first_outcome_of_a_workload_counts_and_none_of_a_dropped_entry() -> None:
    """Seen to fail with every outcome noted: the second replaced the first, and both were counted."""
    settled, counted = list[Entry](), list[str]()
    intent = of_image(EventId(1, 0), an_envelope(), require_opt_in=False)
    entry, lost = (
        Entry(EventId(1, 0), an_envelope(), intent, 0.0, 0.0, settled.append, counted.append) for _ in range(2)
    )
    for each in (entry, lost):
        each.want(WORKLOAD.key)
    lost.drop()
    for outcome in (Restarted(WORKLOAD, NEWEST), Failed("422")):
        entry.settle(WORKLOAD.key, outcome)
        lost.settle(WORKLOAD.key, outcome)
    assert (settled, counted) == ([entry], ["restarted"])
    assert (entry.outcomes, lost.outcomes) == ({WORKLOAD.key: Restarted(WORKLOAD, NEWEST)}, {})
