"""The live page as it is first shown, through a socket."""

import re
from html.parser import HTMLParser

import pytest
import trio
from trio.testing import MockClock

from krt.admin.board import LOOK_SECONDS
from krt.admin.bursts import FEWEST
from krt.admin.views import MOST_TARGETS
from krt.core.app_secrets.delivered import MOST, DeliveredSecrets, RecentDeliveries
from krt.core.kube.restartable import BUNDLE_DEPLOYMENT
from krt.core.report.report import Group, GroupState, Report
from krt.core.report.target import Target, TargetState
from tests.admin.admins import GROUP, READY, WEB, Surroundings, a_report, an_id, browsing, ended
from tests.fakes.keys import a_key

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</li></ol><h1>krt</h1>",
    "&lt;b&gt;",
    "\u202egnp.exe",
    "\ud800",
    "\x00\x1b[31m",
    "]]><!--",
]


class Text(HTMLParser):
    """The text of a page and its tags, as a browser would have them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " "


async def shown(admin, path: str = "/") -> str:
    """The text of the page, with single blanks."""
    answer = await admin.get(path)
    assert answer.status_code == 200
    return " ".join(Text(answer.text).text.split())


async def test_events_stand_there_newest_first_with_their_targets(admin, around):
    around.reports.newest = [a_report(1, tags='["v2"]'), ended(a_report(0))]
    text = await shown(admin)
    assert text.index("rolling ghcr.io/acme/shop v2") < text.index("ready ghcr.io/acme/shop dev")
    assert "Deployment shop/web progressing 1 of 3 updated, 3 available" in text
    assert "Deployment shop/web ready 3 of 3 updated, 3 available; after 12.4 s" in text
    assert "by octocat from acme/shop main at 796a6cf" in text
    assert "The 2 newest events." in text


async def test_a_bundle_stands_there_without_namespace_and_pods_and_with_the_digest_that_was_delivered(admin, around):
    done = Target(TargetState.READY, seconds=2.5, digest="sha256:1")
    around.reports.newest = [a_report(targets={BUNDLE_DEPLOYMENT.key("", "shop"): done})]
    text = await shown(admin)
    assert "BundleDeployment shop ready after 2.5 s; digest sha256:1" in text.replace("\u00a0", " ")


async def test_what_was_skipped_stands_below_what_was_restarted_and_what_failed_above(admin, around):
    states = {"a": TargetState.SKIPPED, "b": TargetState.READY, "c": TargetState.FAILED, "d": TargetState.PROGRESSING}
    targets = {a_key("Deployment", "shop", name): Target(state) for name, state in states.items()}
    around.reports.newest = [a_report(targets=targets)]
    text = await shown(admin)
    assert re.findall(r"shop/(\w) (\w+)", text) == [
        ("c", "failed"),
        ("b", "ready"),
        ("d", "progressing"),
        ("a", "skipped"),
    ]


async def test_a_dry_run_says_so_on_its_card_whatever_its_state(admin, around):
    for report in (a_report(dry_run="1"), ended(a_report(dry_run="1"))):
        around.reports.newest = [report]
        async with browsing(around) as other:
            assert "dev dry-run: nothing is restarted" in await shown(other)
    around.reports.newest = [a_report()]
    assert "dry-run" not in await shown(admin)


async def test_a_claim_that_the_token_does_not_have_is_left_out(admin, around):
    around.reports.newest = [a_report(actor="", sha="", ref="")]
    text = await shown(admin)
    assert "UTC from acme/shop ( run)" in text


async def test_a_long_claim_is_cut_and_its_whole_at_hand(admin, around):
    ref = "refs/heads/" + "x" * 1000
    around.reports.newest = [a_report(ref=ref)]
    page = Text((await admin.get("/")).text)
    assert "x" * 99 + "…" in page.text
    assert "x" * 100 not in page.text
    assert [attributes["title"] for _, attributes in page.tags if attributes.get("class") == "ref"] == [ref]


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("refs/heads/main", "main"),
        ("refs/heads/refs/tags/odd", "refs/tags/odd"),
        ("refs/tags/v1", "tag v1"),
        ("refs/pull/7/merge", "pull/7/merge"),
    ],
)
async def test_a_ref_is_said_as_people_say_it(admin, around, ref, said):
    around.reports.newest = [a_report(ref=ref)]
    assert f"from acme/shop {said} at" in await shown(admin)
    assert f"from acme/shop {ref} at" in await shown(admin, f"/events/{an_id()}")


async def test_a_commit_leads_to_its_page_on_the_same_server(admin, around):
    around.reports.newest = [a_report()]
    links = {attributes.get("href"): attributes for tag, attributes in Text((await admin.get("/")).text).tags}
    (commit,) = [link for link in links if link and "/commit/" in link]
    assert commit == "https://github.com/acme/shop/commit/796a6cfb48152b077701fced55d480bf1d90e1e2"
    assert links[commit]["title"] == "796a6cfb48152b077701fced55d480bf1d90e1e2"


async def test_a_burst_is_one_card_with_a_count_that_opens_without_a_script(admin, around):
    newest, *others, oldest = [a_report(number, actor=f"person-{number}") for number in range(FEWEST, -1, -1)]
    around.reports.newest = [newest, *others, ended(oldest)]
    answer = await admin.get("/")
    text = " ".join(Text(answer.text).text.split())
    assert "3 more events of this run: 2 rolling, 1 ready" in text
    assert [text.count(f"by person-{number}") for number in range(FEWEST + 1)] == [1] * (FEWEST + 1)
    tags = [(tag, attributes) for tag, attributes in Text(answer.text).tags if tag in {"details", "table"}]
    assert [tag for tag, _ in tags] == ["table", "details"]
    assert "open" not in tags[1][1]
    assert f"The {FEWEST + 1} newest events." in text


async def test_in_a_burst_what_failed_stands_above_and_what_restarted_nothing_below(admin, around):
    states = {6: READY, 5: None, 4: READY, 3: Target(TargetState.FAILED), 2: READY, 1: Target(TargetState.SKIPPED)}
    around.reports.newest = [
        a_report(number, targets={WEB: state} if state else {}, actor=f"person-{number}", run_url="")
        for number, state in states.items()
    ]
    text = await shown(admin)
    assert "5 more events of this image: 1 failed, 1 accepted, 2 ready, 1 no match" in text
    assert re.findall(r"person-(\d)", text) == ["6", "3", "5", "4", "2", "1"]


async def test_the_number_of_pods_is_said_once(admin, around):
    reason = "no end within 900 s: 1 of 3 updated, 3 available"
    failed = Target(TargetState.FAILED, reason=reason, updated=1, available=3, desired=3)
    around.reports.newest = [a_report(targets={WEB: failed})]
    assert (await shown(admin)).count("1 of 3 updated") == 1


async def test_the_last_hour_stands_at_the_top_in_numbers(admin, around):
    lost = a_report(2, targets={WEB: Target(TargetState.FAILED)})
    around.reports.newest = [lost, a_report(1), ended(a_report(0))]
    text = await shown(admin)
    assert "Last hour events 3 workload restarted 1 failure 1 under way 1 Events" in text
    assert "There was more than this" not in text
    around.reports.has_older = True
    async with browsing(around) as other:
        assert "There was more than this" in await shown(other)


async def test_times_are_exact_until_a_script_says_how_long_ago(admin, around):
    around.reports.newest = [a_report()]
    page = Text((await admin.get("/")).text)
    times = [attributes for tag, attributes in page.tags if tag == "time"]
    assert times == [{"datetime": "2026-11-20T12:00:00.000Z", "title": "2026-11-20 12:00:00 UTC"}]
    assert "2026-11-20 12:00:00 UTC" in page.text


async def test_it_says_that_there_are_none(admin):
    assert "No event in the last 24 hours." in await shown(admin)


async def test_reasons_and_warnings_are_told(admin, around):
    failed = Target(TargetState.FAILED, reason="timed out", warnings=("zero replicas", "paused"))
    around.reports.newest = [a_report(targets={WEB: failed})]
    assert "failed timed out; zero replicas; paused" in await shown(admin)


async def test_what_a_cluster_says_is_told_where_it_is_no_matter_of_course(admin, around):
    group = Group(GroupState.EXPIRED, reason="too old", final=True)
    around.reports.newest = [Report(an_id(), a_report().event, {GROUP: group}, {})]
    assert "default: expired: too old" in await shown(admin)


@pytest.mark.parametrize("text", HOSTILE)
async def test_whatever_names_hold_they_are_text(admin, around, text):
    """Seen to fail without autoescape."""
    key = a_key("Deployment", text, text)
    target = Target(TargetState.FAILED, reason=text, warnings=(text,))
    claims = dict.fromkeys(("repository", "run_url", "ref", "sha", "actor"), text)
    event = {"image": text, "tags": '["dev"]', **claims}
    groups, targets = {GROUP: Group(GroupState.SETTLED, reason=text)}, {(GROUP, key): target}
    around.reports.newest = [Report(an_id(number), event, groups, targets) for number in (FEWEST - 1, 1, 0)]
    around.health.add("part", lambda: text, lambda: text)
    for path in ("/", f"/events/{an_id()}"):
        page = Text((await admin.get(path)).text)
        written = text.encode(errors="replace").decode()
        assert written in page.text or written in page.text.replace("\ufffd", "\x00")
        assert {tag for tag, _ in page.tags} <= TAGS
        assert not [
            name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"
        ]


TAGS = {"html", "head", "meta", "title", "link", "script", "body", "header", "main", "section", "footer", "article"}
TAGS |= {
    "bdi",
    "details",
    "summary",
    "a",
    "h1",
    "h2",
    "h3",
    "p",
    "div",
    "span",
    "strong",
    "time",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "progress",
}
TAGS |= {"form", "label", "input", "select", "option", "button", "svg", "rect"}
TAGS |= {"table", "caption", "thead", "tbody", "tr", "th", "td"}


async def test_nothing_is_loaded_from_elsewhere_and_no_script_is_inline(admin, around):
    around.reports.newest = [a_report()]
    page = Text((await admin.get("/")).text)
    loaded = [attributes for tag, attributes in page.tags if tag in {"script", "link", "img"}]
    assert sorted(one.get("src") or one.get("href") or "" for one in loaded) == ["icon.svg", "page.css", "page.js"]
    for name in ("icon.svg", "page.css", "page.js"):
        file = await admin.get(f"/{name}")
        assert file.status_code == 200
        assert "http" not in file.text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/icon.svg", f"/events/{an_id()}", "/nowhere", "/live"])
async def test_every_answer_says_what_a_browser_may_do_with_it(around, path):
    around.stopping.set()  # a live stream ends at once
    async with browsing(around) as admin:
        headers = (await admin.get(path)).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", f"/events/{an_id()}", "/page.js", "/live"])
async def test_nothing_can_be_changed(admin, around, method, path):
    answer = await admin.request(method, path)
    assert answer.status_code == 405
    assert around.reports.reads == 0


async def test_under_a_name_that_anybody_can_have_nothing_is_shown(around):
    """A page of another site could read it in its visitor's browser (DNS rebinding)."""
    async with browsing(around, "krt.example.com") as admin:
        for path in ("/", f"/events/{an_id()}", "/live", "/page.js"):
            answer = await admin.get(path, headers={"Host": "evil.example"})
            assert (answer.status_code, "KRT_ADMIN_HOSTS" in answer.text) == (421, True)
        assert around.reports.reads == 0
        assert (await admin.get("/", headers={"Host": "krt.example.com"})).status_code == 200
        assert (await admin.get("/readyz", headers={"Host": "evil.example"})).status_code == 200


async def test_a_filter_is_a_form_that_needs_no_script(admin, around):
    around.reports.newest = [a_report(1, image="ghcr.io/acme/blog"), ended(a_report(0))]
    assert "1 of the 2 newest events." in await shown(admin, "/?q=blog&state=")
    assert "ghcr.io/acme/blog" not in await shown(admin, "/?q=acme&state=ready")
    assert "None of the 2 newest events matches the filter." in await shown(admin, "/?q=nothing")
    page = Text((await admin.get('/?q="><b>&state=ready')).text)
    fields = {attributes.get("name"): attributes for _, attributes in page.tags}
    assert fields["q"]["value"] == '"><b>'
    assert [a["value"] for tag, a in page.tags if tag == "option" and "selected" in a] == ["ready"]


async def test_an_event_has_a_page_of_its_own(admin, around):
    around.reports.newest = [a_report(1), a_report(0, image="ghcr.io/acme/blog")]
    text = await shown(admin, f"/events/{an_id(0)}")
    assert f"as event {an_id(0)}" in text
    assert "acme/blog" in text
    assert "acme/shop dev" not in text


async def test_an_event_that_is_not_among_the_newest_is_looked_for(admin, around):
    around.reports.newest, around.reports.older = [a_report(1)], [a_report(0, image="ghcr.io/acme/blog")]
    assert "acme/blog" not in await shown(admin)
    assert "acme/blog" in await shown(admin, f"/events/{an_id(0)}")


async def test_many_targets_are_shown_on_the_event_s_own_page(admin, around):
    targets = {a_key("Deployment", "shop", f"web-{number:03}"): READY for number in range(MOST_TARGETS + 10)}
    around.reports.newest = [a_report(targets=targets)]
    text = await shown(admin)
    assert "260 ready" in text
    assert "web-019" in text
    assert "web-020" not in text
    assert "240 more on the event's own page" in text
    text = await shown(admin, f"/events/{an_id()}")
    assert "web-249" in text
    assert "10 more are not shown" in text


async def test_an_event_that_never_was_is_not_found(admin):
    answer = await admin.get(f"/events/{an_id()}")
    assert (answer.status_code, "There is no such event" in answer.text) == (404, True)


@pytest.mark.parametrize("name", ["x", "1", "1-", "01-0", "1-0x", "%3Cb%3E", "1-0/more", "18446744073709551616-0"])
async def test_what_is_no_event_s_name_is_not_found_without_a_look(admin, around, name):
    answer = await admin.get(f"/events/{name}")
    assert (answer.status_code, answer.text, around.reports.reads) == (404, "", 0)


async def test_without_a_valkey_it_says_so_and_shows_the_rest(admin, around):
    around.reports.problem = "Valkey at valkey:6379 is <away>"
    around.health.add("keys", lambda: None, lambda: "4 of them")
    text = await shown(admin)
    assert "Events cannot be read now: Valkey at valkey:6379 is <away>" in text
    assert "No event" not in text
    assert "Last hour Not known yet." in text
    assert "keys ok 4 of them" in text
    answer = await admin.get(f"/events/{an_id()}")
    assert (answer.status_code, "It is not known whether there is such an event." in answer.text) == (503, True)


async def test_what_was_read_before_valkey_went_away_stays(admin, around, clock: MockClock):
    around.reports.newest = [a_report()]
    await admin.get("/")
    around.reports.problem = "away"
    clock.jump(LOOK_SECONDS)
    text = await shown(admin)
    assert "Events cannot be read now: away The events below are older." in text
    assert "ghcr.io/acme/shop" in text


async def test_the_state_of_every_part_is_shown_as_this_process_s(admin, around):
    around.health.add("keys", lambda: "keys: not fetched yet")
    around.health.add("index", lambda: None, lambda: "7 workloads")
    text = await shown(admin)
    assert "State of this process krt all on krt-0 is not ready." in text
    assert "keys not ready not fetched yet index ok 7 workloads" in text


async def test_refusals_are_shown_by_reason_and_over_time(admin, around):
    for _ in range(3):
        around.metrics.web.request_ended(path="event", status=401, reason="unknown_key", seconds=0.001)
    answer = await admin.get("/")
    assert "Refused by this process" in answer.text
    assert "unknown key request: 401 3 3" in " ".join(Text(answer.text).text.split())
    assert [attributes["x"] for tag, attributes in Text(answer.text).tags if tag == "rect"] == ["59"]


async def test_many_that_look_at_once_are_one_look(admin, around, clock: MockClock):
    around.reports.newest = [a_report()]
    async with trio.open_nursery() as each:
        for _ in range(20):
            each.start_soon(admin.get, "/")
    assert around.reports.reads == 1
    clock.jump(LOOK_SECONDS)
    await admin.get("/")
    assert around.reports.reads == 2


async def test_a_bug_is_a_500_without_a_word(admin, around):
    around.health.add("odd", lambda: 1 / 0)
    answer = await admin.get("/")
    assert (answer.status_code, answer.text) == (500, "")
    assert (await admin.get("/healthz")).status_code == 200


async def test_links_lead_on_behind_a_path_of_a_proxy_too(admin, around):
    """kubectl proxy and others put the page somewhere below their own root."""
    around.reports.newest = [a_report()]
    for path in ("/", f"/events/{an_id()}"):
        for _, attributes in Text((await admin.get(path)).text).tags:
            for name in ("href", "src", "action", "data-live"):
                assert not (attributes.get(name) or "").startswith("/")


async def test_deliveries_stand_beside_the_events_the_newest_first_and_at_most_twenty() -> None:
    deliveries = RecentDeliveries()
    for number in range(MOST + 5):
        deliveries.note(
            DeliveredSecrets("2026-11-21T06:40:38.000000Z", f"app-{number}", "shop", "web", "ValuesChanged")
        )
    deliveries.note(DeliveredSecrets("2026-11-21T06:40:38.000000Z", HOSTILE[0], "shop", "web", "detached"))
    async with browsing(Surroundings(deliveries=deliveries)) as client:
        page = Text((await client.get("/")).text)
    assert f"{HOSTILE[0]}: detached" in page.text
    assert page.text.count("ValuesChanged") == MOST - 1
    assert page.text.index(f"app-{MOST + 4}:") < page.text.index("app-6:")
    assert not [tag for tag, attributes in page.tags if attributes.get("id") == "deliveries" and "hidden" in attributes]


async def test_where_nothing_is_delivered_the_page_has_no_deliveries() -> None:
    async with browsing(Surroundings()) as client:
        page = Text((await client.get("/")).text)
    [section] = [attributes for tag, attributes in page.tags if attributes.get("id") == "deliveries"]
    assert "hidden" in section
