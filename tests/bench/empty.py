"""`python -m tests.bench.empty`: an empty Quart-Trio route on the same server with the same limits as krt web."""

from functools import partial
from ipaddress import ip_network

import trio
from quart import Response
from quart_trio import QuartTrio

from krt import logs
from krt.logs import Log
from krt.serving.address import Address
from krt.serving.http import serve
from krt.serving.listener import Listener

log = Log("bench")


async def main() -> None:
    """Serve until killed."""
    app = QuartTrio(__name__, static_folder=None)

    @app.post("/event")
    async def event() -> Response:
        return Response(b"", 202)

    listener = Listener(address=Address("127.0.0.1", 0), trusted_proxies=(ip_network("127.0.0.1/32"),))
    logs.configure("info")
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(partial(serve, app, listener, stopping=trio.Event()))
        log.info("started", web_at=[address])


if __name__ == "__main__":
    trio.run(main)
