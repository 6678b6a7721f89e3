from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from krt.client.report import ReceivedReport
from krt.client.rows import Rows
from krt.core.report.report_document import ListedTarget
from krt.core.report.target import URGENCY
from tests.client.reports import a_document, a_target

STATES = [*URGENCY, "a-state-of-a-newer-krt-web"]


def targets(*rows: tuple[str, str]) -> tuple[ListedTarget, ...]:
    listed: list[dict[str, Any]] = [a_target(name, state) for name, state in rows]
    return msgspec.convert(a_document("rolling", *listed), ReceivedReport).targets


def names(arranged: list[ListedTarget]) -> list[str]:
    return [target.name for target in arranged]


def test_at_first_the_urgent_stand_above_the_rest() -> None:
    first = targets(("a", "skipped"), ("b", "ready"), ("c", "waiting"), ("d", "failed"), ("e", "progressing"))
    assert names(Rows().arrange(first, 10)) == ["d", "e", "c", "b", "a"]


def test_a_workload_that_comes_later_stands_below() -> None:
    rows = Rows()
    rows.arrange(targets(("a", "ready")), 10)
    assert names(rows.arrange(targets(("late", "failed"), ("a", "ready")), 10)) == ["a", "late"]


def test_a_more_urgent_workload_takes_the_row_of_a_less_urgent_one_and_no_other_row_moves() -> None:
    rows = Rows()
    before = targets(("a", "progressing"), ("b", "progressing"), ("c", "progressing"), ("d", "waiting"))
    assert names(rows.arrange(before, 3)) == ["a", "b", "c"]
    after = targets(("a", "progressing"), ("b", "ready"), ("c", "progressing"), ("d", "progressing"))
    assert names(rows.arrange(after, 3)) == ["a", "d", "c"]


REPORTS = st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(STATES)), min_size=1, max_size=6)


@given(REPORTS, st.integers(1, 10))
def test_what_is_shown_twice_stands_in_the_same_row_and_the_most_urgent_is_shown(
    reports: list[dict[str, str]], most: int
) -> None:
    """Seen to fail with the rows sorted anew for each report."""
    rows, before, seen = Rows(), [], {}
    for report in reports:
        seen |= report  # no workload leaves a report
        arranged = names(rows.arrange(targets(*seen.items()), most))
        assert len(arranged) == len(set(arranged)) == min(most, len(seen))
        assert all(arranged.index(name) == before.index(name) for name in arranged if name in before)
        left_out = [URGENCY.get(state, 0) for name, state in seen.items() if name not in arranged]
        assert all(URGENCY.get(seen[name], 0) <= min(left_out, default=99) for name in arranged)
        before = arranged
