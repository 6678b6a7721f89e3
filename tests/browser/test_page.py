"""The live page of a real `krt all --dev` in a real browser."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from krt.admin.live import MOST_STREAMS
from krt.core.announce.event_id import EventId
from krt.core.report.target import Target, TargetState
from krt.dev.github import SHA
from tests.browser.dev import Dev, krt_dev
from tests.browser.webdriver import Browser
from tests.fakes.keys import a_key
from tests.fakes.live import following
from tests.fakes.pace import slack
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.ports import free_ports

LIVE = "Live: the page updates by itself."
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>{{7*7}}'\"&lt;"


@pytest.fixture
async def krt() -> AsyncIterator[Dev]:
    async with krt_dev() as dev:
        yield dev


async def shows(browser: Browser, event: EventId, text: str) -> None:
    """Wait until the event's part of the page says this."""

    async def found() -> bool:
        return text in await browser.text(f'[id="event-{event}"]')

    await until_on_wall_clock(found)


async def says(browser: Browser, text: str, where: str = "#status") -> None:
    """Wait until the page says this of itself."""

    async def found() -> bool:
        return text in await browser.text(where)

    await until_on_wall_clock(found)


async def test_an_event_appears_and_turns_ready_without_a_reload(krt: Dev, browser: Browser) -> None:
    await browser.open(krt.page)
    await says(browser, LIVE)
    await browser.script("window.since = 'the beginning'")
    event = await krt.notify()
    await shows(browser, event, "rolling")
    await shows(browser, event, "2 ready, 3 skipped")
    await says(browser, "ready", f'[id="event-{event}"] h3')  # the event itself, which also waits for being settled
    assert await browser.script("return window.since") == "the beginning"
    assert await browser.complaints() == []


async def test_without_scripts_it_is_complete_after_a_reload(krt: Dev, browser: Browser) -> None:
    event, other = await krt.notify(), await krt.notify("ghcr.io/acme/nothing")
    await browser.run_no_scripts()
    await browser.open(krt.page)
    await says(browser, "Reload the page to see new events.")

    async def reloaded() -> bool:
        await browser.reload()
        return "2 ready, 3 skipped" in await browser.text(f'[id="event-{event}"]')

    await until_on_wall_clock(reloaded)
    assert "not ready" not in await browser.text("#parts")
    await browser.type("[name=q]", "shop:dev\n")
    await says(browser, "1 of the 2 newest events.", "#count")
    assert "Deployment shop/web" in await browser.text(f'[id="event-{event}"]')
    assert await browser.text(f'[id="event-{other}"]') == ""
    assert await browser.complaints() == []


async def test_hostile_names_are_text_from_the_first_and_as_they_come(krt: Dev, browser: Browser) -> None:
    """Seen to fail, twice, with the filter `safe` on the image."""
    fields = dict.fromkeys(("image", "repository", "ref", "actor"), HOSTILE)
    fields |= {"run_url": "javascript:document.title='taken'"}
    target = Target(TargetState.FAILED, reason=HOSTILE, warnings=(HOSTILE,))
    targets = {a_key("Deployment", "shop", HOSTILE.replace("/", "|")): target}
    first = await krt.write(fields, targets)
    await browser.open(krt.page)
    await says(browser, LIVE)
    second = await krt.write(fields, targets)
    await shows(browser, second, HOSTILE)
    for event in (first, second):
        assert (await browser.text(f'[id="event-{event}"]')).count(HOSTILE) == 6
    assert await browser.script("return document.querySelectorAll('img, li script').length") == 0
    assert await browser.script("return document.title") == "krt all"
    assert await browser.script("return [...document.links].filter((a) => a.protocol !== 'http:').length") == 0
    assert await browser.complaints() == []


async def test_a_page_too_many_says_that_it_does_not_update_by_itself(krt: Dev, browser: Browser) -> None:
    event = await krt.notify()
    async with AsyncExitStack() as stack:
        for _ in range(MOST_STREAMS):
            await stack.enter_async_context(following(krt.page.rstrip("/")))
        await browser.open(krt.page)
        await says(browser, "The page does not update by itself now")
        await shows(browser, event, "ghcr.io/acme/shop")


async def test_sigterm_ends_krt_at_once_whoever_looks_and_pages_find_the_next_one(browser: Browser) -> None:
    (port,) = free_ports(1)
    async with krt_dev(admin=f"127.0.0.1:{port}") as krt, AsyncExitStack() as stack:
        await browser.open(krt.page)
        await says(browser, LIVE)
        pages = [await stack.enter_async_context(following(krt.page.rstrip("/"))) for _ in range(10)]
        for page in pages:
            await page.update()
        code, seconds = await krt.process.stopped()
        assert (code, seconds < slack(2)) == (0, True), seconds
        print(f"krt has ended {seconds:.2f} s after SIGTERM, with 11 open pages")
        await says(browser, "The connection is lost; trying again.")
    async with krt_dev(admin=f"127.0.0.1:{port}") as krt:
        await says(browser, LIVE)
        await shows(browser, await krt.notify("ghcr.io/acme/nothing"), "accepted")


async def test_a_filter_works_as_it_is_typed_and_stays_in_the_address(krt: Dev, browser: Browser) -> None:
    event, other = await krt.notify("ghcr.io/acme/nothing"), await krt.notify("ghcr.io/acme/else")
    await browser.open(krt.page)
    await says(browser, LIVE)
    await browser.script("window.since = 'the beginning'")
    await browser.type("[name=q]", "nothing")

    async def filtered() -> bool:
        return await browser.script("return [...document.querySelectorAll('#events > li')].map((one) => one.id)") == [
            f"event-{event}"
        ]

    await until_on_wall_clock(filtered)
    later = await krt.notify("ghcr.io/acme/nothing")
    await shows(browser, later, "accepted")
    assert await browser.text(f'[id="event-{other}"]') == ""
    assert await browser.script("return [location.search, window.since]") == ["?q=nothing", "the beginning"]
    await browser.reload()
    assert await browser.script("return document.querySelector('[name=q]').value") == "nothing"
    assert len(await browser.texts("#events > li")) == 2


async def test_all_of_it_can_be_reached_by_keyboard(krt: Dev, browser: Browser) -> None:
    """Whoever has come somewhere stays there, whatever changes around them. Seen to fail without that in page.js."""
    await browser.open(krt.page)
    event = await krt.notify()
    await shows(browser, event, "2 progressing")
    names = []
    for _ in range(8):
        await browser.press(TAB)
        names.append(await browser.focused())
    assert names == ["Skip to the events", "krt all", "Filter", "State", "Show", "ghcr.io/acme/shop", SHORT_SHA, "run"]
    await shows(browser, event, "2 ready")
    await shows(browser, await krt.notify("ghcr.io/acme/nothing"), "accepted")
    assert await browser.focused() == "run"
    for _ in range(2):
        await browser.press(TAB, holding=SHIFT)
    await browser.press(ENTER)
    await says(browser, f"as event {event}", "#events")
    await says(browser, LIVE)
    assert await browser.script("return location.pathname") == f"/events/{event}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_can_be_read_in_the_light_and_in_the_dark_wide_and_narrow(
    krt: Dev, browser: Browser, scheme: str
) -> None:
    await krt.is_refused()
    await browser.prefer(scheme)
    await browser.open(krt.page)
    await shows(browser, await krt.notify(), "3 skipped")
    for name in ("nothing", "blog"):
        await krt.notify(f"ghcr.io/acme/{name}")
    await says(browser, "2 more events of this run", ".burst summary")
    await browser.script("document.querySelector('.burst details').open = true")
    assert "wrong audience" in await browser.text("#refusals")
    assert await browser.script(FAINT) == []
    for width in (1280, 320):
        await browser.resize(width, 900)
        assert await browser.script("return document.documentElement.scrollWidth") <= width
    assert await unnamed(browser) == []


async def test_a_burst_is_one_card_that_stays_open_and_keeps_the_focus_while_it_grows(
    krt: Dev, browser: Browser
) -> None:
    """Seen to fail without the lines of page.js that open it again and give the focus back."""
    await browser.open(krt.page)
    await says(browser, LIVE)
    for name in ("one", "two", "three"):
        await krt.notify(f"ghcr.io/acme/{name}")
    await says(browser, "2 more events of this run", ".burst summary")
    assert len(await browser.texts("#events > li")) == 1
    await browser.script("document.querySelector('.burst summary').focus()")
    await browser.press(ENTER)
    assert len(await browser.texts(".burst[id] .row")) == 2
    newest = await krt.notify()
    await says(browser, "3 more events of this run", ".burst summary")
    assert await browser.script("return document.querySelector('.burst details').open")
    assert await browser.focused() == await browser.text(".burst summary")
    await shows(browser, newest, "2 ready, 3 skipped")
    assert await browser.script("return document.querySelector('.burst .lead > li').id") == f"event-{newest}"
    assert await browser.complaints() == []


async def test_a_burst_that_a_filter_takes_apart_leaves_the_events_that_it_admits(krt: Dev, browser: Browser) -> None:
    """Seen to fail with cards looked for on the whole page."""
    await browser.open(krt.page)
    events = [await krt.notify(f"ghcr.io/acme/{name}") for name in ("blog", "nothing", "else")]
    await says(browser, "2 more events of this run", ".burst summary")
    for text, left in (("nothing", events[1:2]), ("", [])):
        await browser.script(TYPED, text)
        wanted = [f"event-{event}" for event in left] or [f"burst-{events[0]}"]
        await cards_are(browser, wanted)
    assert await browser.complaints() == []


async def cards_are(browser: Browser, wanted: list[str]) -> None:
    async def found() -> bool:
        return (
            await browser.script("return [...document.querySelectorAll('#events > li')].map((one) => one.id)") == wanted
        )

    await until_on_wall_clock(found)


async def test_a_time_says_how_long_ago_it_was_and_the_exact_time_is_at_hand(krt: Dev, browser: Browser) -> None:
    fields = {"image": "ghcr.io/acme/shop", "repository": "acme/shop"}
    events = [await krt.write(fields, {}, seconds_ago=each) for each in (7300, 130, 35)]
    events.append(await krt.notify("ghcr.io/acme/nothing"))
    await browser.open(krt.page)
    await shows(browser, events[-1], "just now")
    said = [await browser.text(f'[id="event-{event}"] time') for event in events]
    ages = [text.partition("\n")[0] for text in said]
    assert ages[:2] == ["2 h ago", "2 min ago"]
    assert ages[2].endswith("0 s ago")
    for text, event in zip(said, events, strict=True):
        exact = f"{datetime.fromtimestamp(event.milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        assert text.endswith(f"({exact})")
        assert await browser.script(TITLE, f"event-{event}") == exact
    await browser.open(f"{krt.page}events/{events[0]}")
    await says(browser, "2 h ago (", "time")


async def test_of_64_events_nothing_is_cut_off_on_a_narrow_screen_and_no_reason_breaks_in_a_word(
    krt: Dev, browser: Browser
) -> None:
    for number in range(64):
        run = f"https://github.com/acme/shop/actions/runs/{number // 4}"
        fields = {"image": f"ghcr.io/acme/a-rather-long-name-{number}", "repository": "acme/shop", "run_url": run}
        fields |= {"actor": "octocat", "ref": f"refs/heads/feature/{'x' * 60}", "sha": SHA}
        target = Target(TargetState.FAILED, reason="no end within 900 s: 1 of 3 updated, 3 available")
        targets = {a_key("Deployment", "shop", f"{'web-' * 15}{each}"): target for each in range(3)}
        await krt.write(fields, targets, seconds_ago=4000 - 60 * number)
    await krt.is_refused()
    await browser.open(krt.page)
    await says(browser, "64", "#count")
    await browser.resize(320, 900)
    await browser.script("for (const one of document.querySelectorAll('details')) one.open = true")
    assert await browser.script("return document.documentElement.scrollWidth") <= 320
    assert await browser.script(CUT_OFF) == []
    assert await browser.script(BROKEN, "#refusals tbody th, .state, .numbers dt") == []


async def unnamed(browser: Browser) -> list[str]:
    """What somebody who hears the page could not tell from the rest."""
    nodes = (await browser.devtools("Accessibility.getFullAXTree"))["nodes"]
    roles = {"textbox", "searchbox", "combobox", "button", "link", "progressbar", "table", "article", "region"}
    return [
        role
        for node in nodes
        if not node["ignored"] and (role := node["role"]["value"]) in roles and not node.get("name", {}).get("value")
    ]


SHORT_SHA = SHA[:7]
TYPED = """
const field = document.querySelector("[name=q]");
field.value = arguments[0];
field.dispatchEvent(new Event("input", { bubbles: true }));
"""
TITLE = "return document.querySelector(`[id='${arguments[0]}'] time`).title"

# The elements that end beyond the window or hold more than they show; the visually hidden ones are cut on purpose.
CUT_OFF = """
return [...document.querySelectorAll("main *")]
  .filter((one) => !one.closest(".hidden, caption, thead, svg"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1
    || (getComputedStyle(one).overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1))
  .map((one) => one.outerHTML.slice(0, 80));
"""

# The words of these elements that stand on more than one line.
BROKEN = """
const broken = [];
for (const one of document.querySelectorAll(arguments[0])) {
  const walker = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    for (const word of walker.currentNode.data.matchAll(/\\S+/g)) {
      const range = document.createRange();
      range.setStart(walker.currentNode, word.index);
      range.setEnd(walker.currentNode, word.index + word[0].length);
      if (range.getClientRects().length > 1) broken.push(word[0]);
    }
  }
}
return broken;
"""

TAB, ENTER, SHIFT = "\ue004", "\ue007", "\ue008"

# The texts of less contrast than 4.5 : 1 (WCAG 2.2, 1.4.3).
FAINT = """
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const parts = (color) => color.match(/[\\d.]+/g).map(Number);
const behind = (at) => {
  for (; at; at = at.parentElement) {
    const color = parts(getComputedStyle(at).backgroundColor);
    if (color.length < 4 || color[3] > 0) return color;
  }
  return [255, 255, 255];
};
return [...document.querySelectorAll("body *")]
  .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .map((one) => [one.outerHTML.slice(0, 60), light(parts(getComputedStyle(one).color)), light(behind(one))])
  .filter(([, a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5)
  .map(([text]) => text);
"""
