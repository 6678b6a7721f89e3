"""What of a document is shown, and to whom that asks for what."""

import pytest

from krt.admin.shown import Filter, parse_filter, shown
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT
from krt.core.report.document import document
from krt.core.report.presence import Seen
from krt.core.report.target import Target, TargetState
from tests.admin.admins import GROUP, READY, ROLLING, WEB, a_report
from tests.fakes.keys import a_key
from tests.fakes.values import NOW, a_sighting


def a_document(number: int = 0, targets=None, *, now: float = NOW.timestamp(), **fields):
    seen = Seen({GROUP: a_sighting(now)}, now)
    return document(a_report(number, targets, **fields), seen).without_sightings()


ADMITTED = [
    "",
    "OCTOCAT",
    "heads/main",
    "796a6cf",
    "SHOP",
    "acme/shop",
    "shop:dev",
    "ghcr.io dev",
    "deployment shop/web",
    "actions/runs",
    "  web  ",
]


@pytest.mark.parametrize("text", ADMITTED)
def test_all_words_must_be_somewhere_in_the_event(text):
    assert Filter(text).admits(a_document())


@pytest.mark.parametrize(("text", "is_found"), [("bundledeployment bundle-7", True), ("/bundle-7", False)])
def test_an_object_without_a_namespace_is_found_by_its_name(text, is_found):
    bundle = BUNDLE_DEPLOYMENT.key("", "bundle-7")
    assert Filter(text).admits(a_document(targets={bundle: READY})) is is_found


@pytest.mark.parametrize("text", ["blog", "shop blog", "dev:shop", "shop\nweb blog"])
def test_one_word_that_is_nowhere_is_enough_to_leave_it_out(text):
    assert not Filter(text).admits(a_document())


def test_targets_that_are_not_shown_are_found_all_the_same():
    many = {a_key("Deployment", "shop", f"web-{number:03}"): READY for number in range(40)}
    assert Filter("web-039").admits(a_document(targets=many))


def test_a_state_must_be_the_event_s():
    assert Filter(state="rolling").admits(a_document())
    assert not Filter(state="ready").admits(a_document())


QUERIES = [
    (b"", Filter()),
    (b"q=shop&state=ready", Filter("shop", "ready")),
    (b"q=+shop+", Filter("shop")),
    (b"q=caf%C3%A9", Filter("café")),
    (b"state=odd", Filter()),
    (b"q=" + b"x" * 1000, Filter("x" * 200)),
    (b"&".join([b"q=x"] * 100), Filter()),
    (b"\xff%ff&%", Filter()),
    (b"q=%00%ff", Filter("\x00\ufffd")),
]


@pytest.mark.parametrize(("query", "wanted"), QUERIES)
def test_any_query_is_some_filter(query, wanted):
    assert parse_filter(query) == wanted


@pytest.mark.parametrize("wanted", [Filter(), Filter("a b&c", "ready"), Filter("ü<"), Filter(state="done")])
def test_a_filter_survives_its_own_address(wanted):
    assert parse_filter(wanted.query.removeprefix("?").encode()) == wanted


def test_of_many_targets_the_urgent_ones_are_shown_in_their_order():
    targets = {a_key("Deployment", "shop", f"{number:02}"): READY for number in range(10)}
    targets[a_key("Deployment", "shop", "05")] = ROLLING
    targets[a_key("Deployment", "shop", "09")] = Target(TargetState.FAILED)
    event = shown(a_document(targets=targets), most_targets=3)
    assert [target.name for target in event.targets] == ["09", "00", "05"]
    assert event.hidden == 7
    assert event.tally == [("failed", 1), ("progressing", 1), ("ready", 8)]


@pytest.mark.parametrize(
    "run", ["javascript:alert(1)", "data:text/html,x", " https://x", "//evil.example", "JavaScript:x"]
)
def test_only_web_addresses_become_links(run):
    assert shown(a_document(run_url=run), most_targets=1).run == ""
    assert shown(a_document(run_url="https://github.com/acme"), most_targets=1).run == "https://github.com/acme"


@pytest.mark.parametrize("sha", ["", "x" * 40, "796a6cf", "../../evil", "796A6CFB48152B077701FCED55D480BF1D90E1E2"])
def test_only_a_commit_becomes_a_link(sha):
    assert shown(a_document(sha=sha), most_targets=1).commit == ""


@pytest.mark.parametrize("run", ["javascript:x/actions/runs/1", "https://github.com/acme", ""])
def test_a_commit_is_a_link_only_beside_the_page_of_a_run(run):
    assert shown(a_document(run_url=run), most_targets=1).commit == ""


def test_time_alone_changes_nothing_while_the_clusters_are_there():
    assert a_document(now=NOW.timestamp() + 5) == a_document()


def test_the_clusters_are_named_where_there_are_several():
    assert not shown(a_document(), most_targets=5).several_clusters
    report = a_report()
    targets = {**report.targets, ("eu:1", WEB): READY}
    both = document(type(report)(report.id, report.event, report.groups, targets), Seen({}, NOW.timestamp()))
    assert shown(both, most_targets=5).several_clusters
