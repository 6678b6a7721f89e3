"""Asks every minute whether the API server still accepts krt's credentials, for readiness.

A watch goes on for minutes after the credentials that began it have ended, and while no event comes, krt makes no other
call.
"""

import trio

from krt.cluster.identity import who_am_i
from krt.cluster.transport import Transport
from krt.errors import KrtError
from krt.logs import Log

log = Log("cluster")

SECONDS = 60.0


async def prove(transport: Transport) -> None:
    """Ask the API server who krt is, every minute. The transport notes a refusal in the credentials. Never returns."""
    while True:
        await trio.sleep(SECONDS)
        try:
            await who_am_i(transport)
        except KrtError as error:  # 403 and 404 come from a server that has authenticated krt
            log.debug("credentials_not_proved", problem=error)
