"""The app behind the admin listener: `/healthz` for liveness, `/readyz` for readiness, `/metrics` for Prometheus."""

import json

from quart import Response
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from krt.admin.health import Health
from krt.metrics import CONTENT_TYPE, Metrics


def build_admin(health: Health, metrics: Metrics) -> QuartTrio:
    """Liveness is a process that answers; readiness is one that has nothing to wait for."""
    app = QuartTrio(__name__, static_folder=None)

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

    return app
