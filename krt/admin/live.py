"""Sends the changes of an open page as server-sent events (WHATWG HTML, section 9.2).

It is plain ASGI and not a Quart view, because a stream must be counted, and must end, however its connection ends.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from krt.admin.board import LOOK_SECONDS
from krt.admin.views import Fragments, PageView
from krt.serving.asgi import Receive, Send, send_answer, send_body, send_head, while_connected

MOST_STREAMS = 32
_QUIET_SECONDS = 15.0  # then an empty comment is sent, which fails if the browser is gone
_BEGINNING = b"retry: 2000\n\n"
_NOTHING = b":\n\n"

_HEADERS = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]


class Streams:
    """At most MOST_STREAMS live pages. When `stopping` is set, all end at once and no new one begins."""

    def __init__(self, stopping: trio.Event) -> None:
        self._stopping = stopping
        self.count = 0

    async def answer(self, view: PageView, receive: Receive, send: Send, *, headers: list[tuple[bytes, bytes]]) -> None:
        """Stream the view's changes while its page is open. Answers 503 at MOST_STREAMS or after `stopping`."""
        with self._admitted() as admitted:
            if not admitted:
                await send_answer(send, 503, headers)
                return
            async with while_connected(receive):
                await send_head(send, 200, [*_HEADERS, *headers])
                await self._stream(view, send)
                await send_body(send, b"", more=False)

    @contextmanager
    def _admitted(self) -> Iterator[bool]:
        admitted = self.count < MOST_STREAMS and not self._stopping.is_set()
        self.count += admitted
        try:
            yield admitted
        finally:
            self.count -= admitted

    async def _stream(self, view: PageView, send: Send) -> None:
        sent, said_at = Fragments(), trio.current_time()
        message = _BEGINNING
        while True:
            if message:
                await send_body(send, message, more=True)
                said_at = trio.current_time()
            if self._stopping.is_set():
                return
            seen = await view.see()
            message, sent = _changes(sent, seen), seen
            if not message:
                await self._wait(LOOK_SECONDS)
                message = _NOTHING if trio.current_time() - said_at > _QUIET_SECONDS else b""

    async def _wait(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self._stopping.wait()


def _changes(sent: Fragments, seen: Fragments) -> bytes:
    """The changes as one message; empty if there are none."""
    html = {name: text for name, text in seen.html.items() if sent.html.get(name) != text}
    if not html and sent.order == seen.order:
        return b""
    return f"data: {json.dumps({'order': seen.order, 'html': html})}\n\n".encode()
