"""A real git server over HTTP: `git http-backend`, which git brings, behind a loopback port."""

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from tests.fakes.served import served


@dataclass
class GitHttp:
    """Serves the repositories in a folder. `login` is `user:password`, if one is wanted; `asked` are the requests."""

    folder: Path
    login: str = ""
    speaks_v2: bool = True
    url: str = ""
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.asked.append(f"{scope['method']} {scope['path']}")
        self.headers.append(headers)
        wanted = f"Basic {base64.b64encode(self.login.encode()).decode()}"
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if self.login and headers.get("authorization") != wanted:
            await _answer(send, 401, [(b"www-authenticate", b'Basic realm="x"')], b"")
            return
        done = await trio.run_process(
            ["git", "http-backend"], stdin=body, capture_stdout=True, check=False, env=self._environ(scope, headers)
        )
        await _answer(send, *_of_cgi(done.stdout))

    def _environ(self, scope: Any, headers: dict[str, str]) -> dict[str, str]:
        protocol = {"GIT_PROTOCOL": headers.get("git-protocol", "")} if self.speaks_v2 else {}
        return {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "PATH_INFO": scope["path"],
            "REQUEST_METHOD": scope["method"],
            "QUERY_STRING": scope["query_string"].decode(),
            "CONTENT_TYPE": headers.get("content-type", ""),
            **protocol,
        }


async def _answer(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _of_cgi(printed: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    head, _, body = printed.partition(b"\r\n\r\n")
    pairs = [line.partition(b": ") for line in head.split(b"\r\n")]
    headers = [(name.lower(), value) for name, _, value in pairs]
    status = next((int(value[:3]) for name, value in headers if name == b"status"), 200)
    return status, [each for each in headers if each[0] != b"status"], body


@asynccontextmanager
async def git_http(folder: Path, *, login: str = "", speaks_v2: bool = True) -> AsyncIterator[GitHttp]:
    app = GitHttp(folder, login, speaks_v2)
    async with served(app) as url:
        app.url = url
        yield app
