"""What a request line asks for, by its bytes, and how each kind is treated."""

import pytest

from krt.web.routes import Route, report_asked_for, route_of

LINES = {
    "POST /event": Route.EVENT,
    "POST /event/dry-run": Route.DRY_RUN,
    "GET /healthz": Route.HEALTH,
    "HEAD /healthz?probe=1": Route.HEALTH,
    "GET /events/1-0": Route.REPORT,
    "HEAD /events/12345678901234567890-7?wait=25": Route.REPORT,
    "POST /event?": Route.OTHER,
    "POST /event/": Route.OTHER,
    "post /event": Route.OTHER,
    "GET /event": Route.OTHER,
    "POST /healthz": Route.OTHER,
    "GET /healthz/": Route.OTHER,
    "GET /events/1-0?wait=": Route.OTHER,
    "GET /events/1-0?wait=1&wait=2": Route.OTHER,
    "GET /events/1-0/": Route.OTHER,
    "GET /events/": Route.OTHER,
    " ": Route.OTHER,
}


@pytest.mark.parametrize(("line", "route"), LINES.items())
def test_a_line_has_one_route(line: str, route: Route) -> None:
    method, _, target = line.partition(" ")
    assert route_of(method.encode(), target.encode()) is route


def test_what_each_kind_is_called_and_how_it_is_treated() -> None:
    """Labels are on dashboards, and targets of announcements are in Valkey: neither changes with a name here."""
    assert [(route.label, route.announces, route.is_quiet) for route in Route] == [
        ("event", True, False),
        ("dry_run", True, False),
        ("health", False, True),
        ("report", False, True),
        ("other", False, False),
    ]
    assert [route.target for route in Route if route.announces] == ["/event", "/event/dry-run"]


def test_a_report_is_asked_for_by_id_and_seconds() -> None:
    assert report_asked_for(b"/events/1-0") == ("1-0", 0)
    assert report_asked_for(b"/events/1-0?wait=25") == ("1-0", 25)
