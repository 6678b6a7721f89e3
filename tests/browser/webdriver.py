"""A browser, driven by the WebDriver protocol (W3C) and chromedriver's way to the DevTools protocol."""

import base64
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from tests.fakes.pace import PATIENCE_SECONDS

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
INSTALL_COMMAND = "tests/browser/install"

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name that the protocol gives a reference to an element


def missing_programs() -> tuple[str, ...]:
    found = {"chromium": _binary(), "chromedriver": shutil.which("chromedriver")}
    return tuple(name for name, path in found.items() if not path)


def _binary() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def chromedriver() -> Iterator[str]:
    """A driver of its own, on a port that it chooses; its base URL."""
    command = [shutil.which("chromedriver") or "chromedriver", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            assert running.stdout
            line = next(line for line in running.stdout if "successfully on port" in line)
            yield f"http://127.0.0.1:{line.split()[-1].rstrip('.')}"
        finally:
            running.kill()


class Browser:
    """One window of a browser that was never used before. `log` holds what its console said."""

    def __init__(self, client: httpx.AsyncClient, session: str) -> None:
        self._client = client
        self._session = f"/session/{session}"

    async def open(self, url: str) -> None:
        await self._post("url", url=url)

    async def reload(self) -> None:
        await self._post("refresh")

    async def script(self, text: str, *arguments: object) -> Any:
        """What the body of a function returns, run in the page."""
        return await self._post("execute/sync", script=text, args=list(arguments))

    async def text(self, selector: str = "body") -> str:
        """The text of the first such element as a person sees it; empty if there is none."""
        return await self.script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    async def texts(self, selector: str) -> list[str]:
        return await self.script(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", selector
        )

    async def type(self, selector: str, text: str) -> None:
        """Into an element, key by key."""
        element = await self._post("element", using="css selector", value=selector)
        await self._post(f"element/{element[_ELEMENT]}/value", text=text)

    async def press(self, key: str, *, holding: str = "") -> None:
        """A key for whatever has the focus, while another one is held."""
        keys = [("keyDown", holding), ("keyDown", key), ("keyUp", key), ("keyUp", holding)]
        actions = [{"type": kind, "value": one} for kind, one in keys if one]
        await self._post("actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    async def focused(self) -> str:
        """The name of what has the focus: its text, or that of its label."""
        return await self.script(
            "const at = document.activeElement; return (at.labels?.[0] ?? at).innerText.trim().split('\\n')[0]"
        )

    async def devtools(self, command: str, **parameters: object) -> Any:
        return await self._post("goog/cdp/execute", cmd=command, params=parameters)

    async def run_no_scripts(self) -> None:
        """From the next page on."""
        await self.devtools("Emulation.setScriptExecutionDisabled", value=True)

    async def prefer(self, scheme: str) -> None:
        """A `dark` page or a `light` one."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.devtools("Emulation.setEmulatedMedia", features=features)

    async def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.devtools("Emulation.setDeviceMetricsOverride", **size)

    async def screenshot(self) -> bytes:
        """As PNG."""
        return base64.b64decode(await self._get("screenshot"))

    async def complaints(self) -> list[str]:
        """What the console has said since it was last asked: errors of scripts, and what the policy has kept away."""
        return [entry["message"] for entry in await self._post("se/log", type="browser")]

    async def _get(self, path: str) -> Any:
        return _value(await self._client.get(f"{self._session}/{path}"))

    async def _post(self, path: str, **body: object) -> Any:
        return _value(await self._client.post(f"{self._session}/{path}", json=body))


@asynccontextmanager
async def open_browser(driver: str) -> AsyncIterator[Browser]:
    """Until the end of the block."""
    async with httpx.AsyncClient(base_url=driver, timeout=PATIENCE_SECONDS) as client:
        with TemporaryDirectory(prefix="krt-browser-", ignore_cleanup_errors=True) as profile:
            options = {
                "binary": _binary(),
                "args": [*_FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"],
            }
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            session = _value(await client.post("/session", json={"capabilities": {"alwaysMatch": wanted}}))
            try:
                yield Browser(client, session["sessionId"])
            finally:
                await client.delete(f"/session/{session['sessionId']}")


def _value(answer: httpx.Response) -> Any:
    value = answer.json()["value"]
    assert answer.is_success, value
    return value
