"""The app of the admin listener: `/healthz`, `/readyz`, `/metrics` for Prometheus, and the live page."""

import json
from collections.abc import Collection, Iterable

import trio
from quart import Response
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from krt.admin.board import Board
from krt.admin.guard import is_cross_site, refusal
from krt.admin.health import Health
from krt.admin.live import Streams
from krt.admin.page import HEADERS, LIVE, About, Page
from krt.admin.refusals import Refusals
from krt.admin.templates import prepare
from krt.core.app_secrets.delivered import DeliveredSecrets
from krt.core.ports.announcements import ReadRecent
from krt.metrics import CONTENT_TYPE, Metrics
from krt.serving.asgi import App, Receive, Scope, Send, send_answer

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})  # no guard: kubelet and Prometheus may use any Host
_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


def build_admin(
    health: Health,
    metrics: Metrics,
    *,
    read_recent: ReadRecent,
    refusals: Refusals,
    deliveries: Iterable[DeliveredSecrets] | None,
    about: About,
    hosts: Collection[str],
    stopping: trio.Event,
) -> App:
    """The app. `hosts` are further names under which browsers may ask for the page (krt.admin.guard).

    `deliveries` is None in a process that delivers no App secrets.
    """
    app = QuartTrio(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # krt.serving logs crashes, without request data
    templates = prepare(app)
    board = Board(read_recent, health, refusals, deliveries, templates, process=about.process)
    page = Page(board, templates, about)
    _add_probes(app, health, metrics)
    page.add_to(app)
    streams = Streams(stopping)

    async def admin(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await app(scope, receive, send)
        elif problem := refusal(scope["headers"], hosts):
            await _refuse(send, 421, problem)
        elif scope["path"] != LIVE:
            await app(scope, receive, send)
        elif scope["method"] != "GET":
            await _refuse(send, 405)
        elif is_cross_site(scope["headers"]):
            await _refuse(send, 403)
        else:
            await streams.answer(page.view(scope["query_string"]), receive, send, headers=_HEADERS)

    return admin


def _add_probes(app: QuartTrio, health: Health, metrics: Metrics) -> None:
    """Add liveness, which is 200 while the process answers, readiness, which is 200 without problems, and metrics."""

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response("ok", content_type="text/plain; charset=utf-8")

    @app.get("/readyz")
    async def readyz() -> Response:
        problems = health.problems()
        body = json.dumps({"ready": not problems, "problems": problems})
        return Response(body, 503 if problems else 200, content_type="application/json")

    @app.get("/metrics")
    async def exposition() -> Response:
        return Response(metrics.exposition(), content_type=CONTENT_TYPE)

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Response:
        return Response("", error.code or 500)


async def _refuse(send: Send, status: int, problem: str = "") -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send_answer(send, status, headers, problem.encode())
