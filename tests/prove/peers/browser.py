"""A headless Chromium, driven over its DevTools protocol the way a person with a screen reader would: by role and name.

Scripts of pages are switched off, so that whatever is walked needs none; what the browser asked for is remembered.
Source: the Chrome DevTools Protocol (Page, Accessibility, DOM, Input, Network, Emulation, Runtime).
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

_LIMIT_S = 30.0


def chromium() -> str:
    """The browser of the machine; empty when there is none."""
    return shutil.which("chromium") or ""


class NotOnPage(AssertionError):
    """Nothing of that role and name stands on the page; the text says what does."""


class Page:
    """One tab. `asked` holds every address that it went to or fetched, in order."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.asked: list[str] = []
        self.loads = 0
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Condition()
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stop listening."""
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening

    async def say(self, method: str, **params: object) -> dict[str, Any]:
        """One command; its result."""
        number = next(self._numbers)
        coming = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(json.dumps({"id": number, "method": method, "params": params}))
        answer = await asyncio.wait_for(coming, _LIMIT_S)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer.get("result", {})
        return result

    async def ready(self) -> None:
        """Switch on what this class hears, and the scripts of pages off."""
        for domain in ("Page", "Network", "DOM", "Accessibility"):
            await self.say(f"{domain}.enable")
        await self.say("Emulation.setScriptExecutionDisabled", value=True)

    async def as_phone(self) -> None:
        """From now on the tab is the screen of a usual phone, 390 by 844 points."""
        await self.say("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
        await self.say("Emulation.setTouchEmulationEnabled", enabled=True)
        await self.say("CSS.enable")

    async def width(self) -> tuple[float, float]:
        """How wide the page's content is, and how wide the screen: a page that fits needs no sideways scrolling."""
        metrics = await self.say("Page.getLayoutMetrics")
        return float(metrics["cssContentSize"]["width"]), float(metrics["cssVisualViewport"]["clientWidth"])

    async def letters(self) -> float:
        """The size of the body's letters, in points of the screen."""
        root = (await self.say("DOM.getDocument", depth=1))["root"]["nodeId"]
        body = (await self.say("DOM.querySelector", nodeId=root, selector="body"))["nodeId"]
        styles = (await self.say("CSS.getComputedStyleForNode", nodeId=body))["computedStyle"]
        return float(next(one["value"] for one in styles if one["name"] == "font-size").removesuffix("px"))

    async def height(self, role: str, name: str) -> float:
        """How high something is that a finger has to hit."""
        node = await self._find(role, name)
        return float((await self.say("DOM.getBoxModel", backendNodeId=node))["model"]["height"])

    async def picture(self) -> bytes:
        """What the screen shows, as PNG."""
        taken = await self.say("Page.captureScreenshot", format="png")
        return base64.b64decode(taken["data"])

    async def shows(self, text: str, limit_s: float = _LIMIT_S) -> str:
        """What the page reads out once `text` is part of it: a page may look again by itself."""
        async with asyncio.timeout(limit_s):
            while True:
                before, read = self.loads, await self.text()
                if text in read:
                    return read
                await self._stands(before)

    async def go(self, url: str) -> None:
        """Open an address and wait until its page stands."""
        before = self.loads
        gone = await self.say("Page.navigate", url=url)
        if gone.get("errorText"):
            raise RuntimeError(f"the browser cannot open the page: {gone['errorText']}")
        await self._stands(before)

    async def write(self, name: str, text: str) -> None:
        """Focus the text box of that name and type."""
        node = await self._find("textbox", name)
        await self.say("DOM.focus", backendNodeId=node)
        await self.say("Input.insertText", text=text)

    async def press(self, name: str, role: str = "button") -> None:
        """Focus the button of that name, press Enter, and wait for the page that follows."""
        node = await self._find(role, name)
        before = self.loads
        await self.say("DOM.focus", backendNodeId=node)
        for kind in ("keyDown", "keyUp"):
            extra = {"text": "\r"} if kind == "keyDown" else {}
            await self.say(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, **extra
            )
        await self._stands(before)

    async def address(self) -> str:
        """Where the tab is."""
        history = await self.say("Page.getNavigationHistory")
        return str(history["entries"][history["currentIndex"]]["url"])

    async def text(self) -> str:
        """What the page reads out, in its order."""
        return "\n".join(name for _, name, _ in await self._tree() if name)

    async def cookies(self, url: str) -> dict[str, dict[str, Any]]:
        """The cookies that would go to an address, by name."""
        found = await self.say("Network.getCookies", urls=[url])
        return {str(one["name"]): one for one in found["cookies"]}

    async def language(self) -> str:
        """The language that the page declares."""
        root = (await self.say("DOM.getDocument", depth=2))["root"]
        page = next(node for node in root["children"] if node["nodeName"] == "HTML")
        pairs = page.get("attributes", [])
        return str(dict(zip(pairs[::2], pairs[1::2], strict=True)).get("lang", ""))

    async def named(self, role: str) -> list[str]:
        """The names of everything of a role, in the order of the page."""
        return [name for one, name, _ in await self._tree() if one == role]

    async def _find(self, role: str, name: str) -> int:
        found = [node for one, said, node in await self._tree() if one == role and name in said]
        if len(found) != 1:
            raise NotOnPage(f"{len(found)} {role} named {name!r}; the page has {await self.named(role)}")
        return found[0]

    async def _tree(self) -> list[tuple[str, str, int]]:
        nodes = (await self.say("Accessibility.getFullAXTree"))["nodes"]
        return [
            (
                str(node.get("role", {}).get("value", "")),
                str(node.get("name", {}).get("value", "")),
                int(node.get("backendDOMNodeId", 0)),
            )
            for node in nodes
            if not node.get("ignored")
        ]

    async def _stands(self, before: int) -> None:
        async with self._loaded:
            await asyncio.wait_for(self._loaded.wait_for(lambda: self.loads > before), _LIMIT_S)

    async def _listen(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                waiting = self._waiting.pop(told["id"])
                if not waiting.done():
                    waiting.set_result(told)
            elif told["method"] == "Network.requestWillBeSent":
                self.asked.append(str(told["params"]["request"]["url"]))
            elif told["method"] == "Page.loadEventFired":
                async with self._loaded:
                    self.loads += 1
                    self._loaded.notify_all()


@asynccontextmanager
async def opened() -> AsyncIterator[Page]:
    """A fresh browser with one empty tab; process and profile are gone at the end."""
    with tempfile.TemporaryDirectory(prefix="gateway-browser-", ignore_cleanup_errors=True) as profile:
        words = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        words += [
            "--disable-component-update",
            "--disable-sync",
            "--no-default-browser-check",
            "--disable-dev-shm-usage",
        ]
        words += ["--no-sandbox"] if os.geteuid() == 0 else []
        process = await asyncio.create_subprocess_exec(
            chromium(),
            *words,
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": profile},  # or its lock stays behind elsewhere when it is killed
            start_new_session=True,
        )
        try:
            port = await asyncio.wait_for(_port(Path(profile) / "DevToolsActivePort"), _LIMIT_S)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    tabs = await answer.json()
                address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    page = Page(socket)
                    await page.ready()
                    try:
                        yield page
                    finally:
                        await page.close()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()


async def _port(file: Path) -> int:
    """The port that the browser chose, once it says so."""
    while not (file.is_file() and file.read_text(encoding="ascii").strip()):
        await asyncio.sleep(0.02)
    return int(file.read_text(encoding="ascii").split()[0])
