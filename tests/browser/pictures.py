"""Draws the pictures of the live page: `python -m tests.browser.pictures DIRECTORY`, with those of docs/ among them.

page-light.png, page-dark.png    as docs/page.md and the README show them, where they have 64 colours
narrow-light.png, …              320 pixels wide
many-light.png, …                64 events, and a burst that is opened
"""

import sys
from pathlib import Path

import trio

from krt.core.kube.object_key import ObjectKey
from krt.core.report.target import Target, TargetState
from krt.dev.github import SHA
from tests.browser.dev import Dev, krt_dev
from tests.browser.webdriver import Browser, chromedriver, open_browser
from tests.fakes.keys import a_key
from tests.fakes.polling import until_on_wall_clock

Targets = dict[ObjectKey, Target]

READY = Target(TargetState.READY, updated=3, available=3, desired=3, seconds=12.4)
SKIPPED = Target(TargetState.SKIPPED, reason="runs another tag")
FAILED = Target(
    TargetState.FAILED, reason="no end within 900 s: 1 of 3 updated, 3 available", updated=1, available=3, desired=3
)
WOULD = Target(TargetState.WOULD_RESTART)

_BOTTOM = "return Math.ceil(document.querySelector(arguments[0]).getBoundingClientRect().bottom) + 4"


def workload(name: str, namespace: str = "shop", kind: str = "Deployment") -> ObjectKey:
    return a_key(kind, namespace, name)


async def announced(
    krt: Dev, seconds_ago: float, image: str, targets: Targets, *, run: int, actor: str = "octocat", **fields: str
) -> None:
    """One event of a job of acme/shop."""
    own = {"image": f"ghcr.io/acme/{image}", "repository": "acme/shop", "actor": actor, "ref": "refs/heads/main"}
    own |= {"sha": SHA, "run_url": f"https://github.com/acme/shop/actions/runs/{19594146380 + run}/attempts/1"}
    await krt.write(own | fields, targets, seconds_ago=seconds_ago)


async def an_hour(krt: Dev) -> None:
    """What a small company may see."""
    await announced(krt, 5400, "blog", {workload("blog", "web"): READY}, run=1, actor="hubot")
    await announced(krt, 2500, "shop", {workload("web"): READY, workload("api"): SKIPPED}, run=2)
    for number, image in enumerate(("cart", "search", "payments", "mail")):
        targets = {workload(image): FAILED if image == "payments" else READY, workload(f"{image}-canary"): SKIPPED}
        await announced(krt, 1300 - 20 * number, image, targets, run=3, actor="monalisa", ref="refs/tags/v2.4.0")
    targets = {workload("web"): WOULD, workload("worker", kind="StatefulSet"): WOULD, workload("api"): SKIPPED}
    await announced(krt, 250, "shop", targets, run=4, dry_run="1", ref="refs/pull/182/merge")
    await krt.is_refused()


async def many(krt: Dev) -> None:
    """64 events: two bursts of 24, and 16 that stand alone between them."""
    for number in range(64):
        alone = f"a-service-with-rather-a-long-name-for-what-it-does-{number}"
        image = {0: "shop", 1: alone, 2: "cart"}[(number >= 24) + (number >= 40)]
        state = FAILED if number % 7 == 3 else READY
        targets = {workload(f"{image}-{each}"): state if each == 1 else SKIPPED for each in range(3)}
        await announced(krt, 4200 - 55 * number, image, targets, run=number)
    await krt.is_refused()


async def draw(browser: Browser, krt: Dev, to: Path, *, width: int, last: str = "footer") -> None:
    """The page down to an element, in the light and in the dark."""
    await browser.devtools("Emulation.setScrollbarsHidden", hidden=True)
    for scheme in ("light", "dark"):
        await browser.prefer(scheme)
        await browser.resize(width, 700)
        await browser.open(krt.page)

        async def is_live() -> bool:
            return (await browser.text("#status")).startswith("Live")

        await until_on_wall_clock(is_live)
        await browser.script("document.querySelectorAll('.burst details')[1]?.setAttribute('open', '')")
        await browser.resize(width, await browser.script(_BOTTOM, last))
        picture = trio.Path(to.with_name(f"{to.name}-{scheme}.png"))
        await picture.write_bytes(await browser.screenshot())
        print(picture, (await picture.stat()).st_size)


async def main(directory: Path) -> None:
    with chromedriver() as driver:
        async with open_browser(driver) as browser:
            async with krt_dev() as krt:
                await an_hour(krt)
                await krt.notify()
                await trio.sleep(2)
                await draw(browser, krt, directory / "page", width=1180, last=".burst")
                await draw(browser, krt, directory / "narrow", width=320)
            async with krt_dev() as krt:
                await many(krt)
                await draw(browser, krt, directory / "many", width=1180)
                await draw(browser, krt, directory / "many-narrow", width=320)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
