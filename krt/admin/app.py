"""The app behind the admin listener: `/healthz` for liveness, `/readyz` for readiness."""

import json

from quart import Response
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from krt.admin.health import Health


def build_admin(health: Health) -> QuartTrio:
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

    @app.errorhandler(HTTPException)
    async def refuse(error: HTTPException) -> Response:
        return Response("", error.code or 500)

    return app
