"""Finds out every minute whether the API server still knows who krt is, for readiness.

A watch that was begun with credentials goes on for minutes after they have ended, and nothing else is asked of the API
server while no event comes.
"""

import trio

from krt.cluster.identity import who_am_i
from krt.cluster.transport import Transport
from krt.errors import KrtError
from krt.logs import Log

log = Log("cluster")

SECONDS = 60.0


async def prove(transport: Transport) -> None:
    """Ask who krt is, for ever; what the answer says of the credentials, they note themselves."""
    while True:
        await trio.sleep(SECONDS)
        try:
            await who_am_i(transport)
        except KrtError as error:  # 403 and 404 are answers of a server that knows who asks
            log.debug("credentials_not_proved", problem=error)
