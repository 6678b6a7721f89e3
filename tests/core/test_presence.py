from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.report.presence import Presence, Seen, Sighting, cluster_of, left_before, parse_sighting, waited_for
from tests.fakes.values import a_presence, a_sighting

EVENT = 1_795_176_000.0
DAY = 24 * 3600.0
HERE, ELSEWHERE, OVERSEAS = "default:0a1b", "default:9f9f", "eu:2c3d"


def seen(now: float = EVENT + 5, **groups: Sighting) -> Seen:
    names = {"here": HERE, "elsewhere": ELSEWHERE, "overseas": OVERSEAS}
    return Seen({names[name]: sighting for name, sighting in groups.items()}, now)


def waited(known: Seen, *, finished: tuple[str, ...] = (), reported: tuple[str, ...] = ()) -> set[str]:
    return set(waited_for(EVENT, known, reported, lambda group: group in finished))


@pytest.mark.parametrize(
    ("sighting", "alive"),
    [
        (a_sighting(EVENT), True),
        (a_sighting(EVENT - DAY), True),
        (a_sighting(EVENT - DAY - 1), False),
        (a_sighting(EVENT + 30, first=EVENT), True),
        (a_sighting(EVENT + 30, first=EVENT + 1), False),
        (a_sighting(EVENT + 30, first=EVENT + 1, earlier=EVENT - DAY), True),
        (a_sighting(EVENT + 30, first=EVENT + 1, earlier=EVENT - DAY - 1), False),
    ],
)
def test_a_group_counts_if_it_was_alive_in_the_day_before(sighting: Sighting, alive: bool) -> None:
    assert sighting.was_alive_in_day_before(EVENT) is alive
    assert waited(seen(here=sighting)) == ({HERE} if alive else set())


@given(st.lists(st.floats(0.1, 3 * DAY), max_size=8), st.floats(-DAY, 9 * DAY), st.floats(0, DAY), st.floats(0, DAY))
def test_whether_a_group_counts_for_an_event_never_changes_while_its_report_is_kept(
    gaps: list[float], after_first: float, one: float, other: float
) -> None:
    """However it comes and goes, what ALIVE keeps of it says the same at both times."""
    seen_at = list(accumulate(gaps, initial=EVENT))
    event = EVENT + after_first
    assert _alive(seen_at, event + one, event) == _alive(seen_at, event + other, event)


def _alive(seen_at: list[float], now: float, event: float) -> bool:
    sighting = None
    for at in seen_at:
        if at > now:
            break
        if sighting is None:
            sighting = a_sighting(at, first=at)
        elif at - sighting.last > DAY:
            sighting = a_sighting(at, first=at, earlier=sighting.last)
        else:
            sighting = a_sighting(at, first=sighting.first, earlier=sighting.earlier)
    return sighting is not None and sighting.was_alive_in_day_before(event)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, a_sighting(EVENT, first=EVENT)),
        (a_sighting(EVENT - 90, first=EVENT - 500), a_sighting(EVENT, first=EVENT - 500)),
        (a_sighting(EVENT - DAY, first=EVENT - DAY), a_sighting(EVENT, first=EVENT - DAY)),
        (a_sighting(EVENT - DAY - 1), a_sighting(EVENT, first=EVENT, earlier=EVENT - DAY - 1)),
        (a_sighting(EVENT, earlier=EVENT - 9 * DAY), a_sighting(EVENT, earlier=EVENT - 9 * DAY)),
    ],
)
def test_a_group_that_says_it_is_there_is_kept_as_valkey_keeps_it(known: Sighting | None, said: Sighting) -> None:
    before = seen(EVENT, here=known) if known else seen(EVENT)
    assert before.and_now(HERE, Presence()) == seen(EVENT, here=said)


def test_a_cluster_that_joins_later_is_not_waited_for() -> None:
    known = seen(here=a_sighting(EVENT), overseas=a_sighting(EVENT + 3, first=EVENT + 3))
    assert waited(known, reported=(HERE, OVERSEAS)) == {HERE}


def test_where_no_cluster_was_alive_before_those_count_that_take_the_event_up() -> None:
    known = seen(here=a_sighting(EVENT + 3, first=EVENT + 3))
    assert waited(known) == set()
    assert waited(known, reported=(HERE,)) == {HERE}


def test_a_silent_group_is_waited_for() -> None:
    assert waited(seen(EVENT + 600, here=a_sighting(EVENT), overseas=a_sighting(EVENT + 599))) == {HERE, OVERSEAS}


@pytest.mark.parametrize(
    ("last", "now", "is_waited_for"),
    [
        (EVENT - 600, EVENT + 5, False),
        (EVENT - DAY, EVENT + 5, False),
        (EVENT - 1, EVENT + 61, False),
        (EVENT - 1, EVENT + 59, True),  # it may be on its way back, as in an update
        (EVENT - 0.5, EVENT + 90, True),  # the second in which it left
        (EVENT + 3, EVENT + 90, True),  # it may have begun
        (EVENT + 3, EVENT + DAY, True),
    ],
)
def test_T4_a_group_that_left_before_the_event_is_not_waited_for(last: float, now: float, is_waited_for: bool) -> None:
    """Seen to fail with `left` passed over, and with it counted for events that came before."""
    known = seen(now, here=a_sighting(now), overseas=a_sighting(last, left=True))
    assert waited(known) == ({HERE, OVERSEAS} if is_waited_for else {HERE})
    assert left_before(EVENT, known) == (set() if is_waited_for else {OVERSEAS})


def test_T4_one_that_crashed_is_waited_for_and_so_is_one_that_is_back() -> None:
    """Seen to fail with every silent group taken for one that has left."""
    now = EVENT + 600
    assert waited(seen(now, here=a_sighting(now), overseas=a_sighting(EVENT - 300))) == {HERE, OVERSEAS}
    assert waited(seen(now, here=a_sighting(now), overseas=a_sighting(now))) == {HERE, OVERSEAS}


@pytest.mark.parametrize(
    ("own", "others", "replaced"),
    [
        ({}, {"kinds": ("Deployment", "StatefulSet")}, True),
        ({}, {"namespaces": ("shop",)}, True),
        ({}, {"require_opt_in": True}, True),
        ({"namespaces": ("shop",)}, {"namespaces": ("shop", "api")}, True),
        ({"namespaces": ("shop",)}, {"namespaces": ("api",)}, False),
        ({"kinds": ("Deployment",)}, {"kinds": ("DaemonSet",)}, False),
    ],
)
def test_a_silent_group_gives_way_to_a_living_one_of_its_cluster_that_sees_its_workloads(
    own: dict[str, object], others: dict[str, object], replaced: bool
) -> None:
    """A worker that starts with other settings is another group: nobody is to wait a day for the old one."""
    now = EVENT + 100
    known = seen(now, here=a_sighting(EVENT + 30, **own), elsewhere=a_sighting(now, first=EVENT + 40, **others))
    assert waited(known) == ({ELSEWHERE} if replaced else {HERE})
    assert waited(known, finished=(HERE,)) == {HERE}


def test_no_group_of_another_cluster_and_none_that_is_silent_too_takes_a_silent_groups_place() -> None:
    now = EVENT + 100
    assert waited(seen(now, here=a_sighting(EVENT), overseas=a_sighting(now, first=EVENT + 40))) == {HERE}
    assert waited(seen(now, here=a_sighting(EVENT), elsewhere=a_sighting(EVENT + 39, first=EVENT + 1))) == {HERE}


def test_a_group_is_silent_after_a_minute_and_if_it_was_forgotten() -> None:
    known = seen(EVENT + 60, here=a_sighting(EVENT), overseas=a_sighting(EVENT - 1))
    assert [known.is_silent(group) for group in (HERE, OVERSEAS, ELSEWHERE)] == [False, True, True]


def test_a_group_bears_its_clusters_name() -> None:
    assert cluster_of(HERE) == "default"


def test_a_sighting_comes_back_as_it_was_stored() -> None:
    presence = a_presence(namespaces=("shop",), kinds=("Deployment", "DaemonSet"), require_opt_in=True)
    assert parse_sighting(f"100 200 50 {presence.to_json()}") == Sighting(presence, 100.0, 200.0, 50.0)
    assert parse_sighting("100 200 0 {}") == a_sighting(200.0, first=100.0)
    assert parse_sighting('100 200 0 {"of a newer krt": 1}') == a_sighting(200.0, first=100.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "100",
        "100 200 0",
        "100 200 0 ",
        "100 200 0 []",
        "100 200 0 {",
        "-1 200 0 {}",
        "1e9 200 0 {}",
        "nan 200 0 {}",
        "inf inf 0 {}",
        "999999999999 200 0 {}",
        '100 200 0 {"kinds": "Deployment"}',
        '100 200 0 {"kinds": [1]}',
        "100 200 0 {\ud800}",
        "100 200 0 " + '{"a":' * 10_000 + "1" + "}" * 10_000,
    ],
)
def test_what_no_worker_wrote_is_no_sighting(text: str) -> None:
    assert parse_sighting(text) is None


@given(st.text() | st.from_regex(r"[0-9]+ [0-9]+ [0-9]+ \{.*\}", fullmatch=True))
def test_whatever_stands_there_is_read_or_passed_over(text: str) -> None:
    found = parse_sighting(text)
    assert found is None or isinstance(found.presence, Presence)
