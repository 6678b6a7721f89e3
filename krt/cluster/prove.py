"""Finds out every minute whether the API server still knows who krt is, for readiness.

A watch that was begun with credentials goes on for minutes after they have ended, and nothing else is asked of the API
server while no event comes.
"""

import trio

from krt.cluster.api import Api
from krt.errors import KrtError
from krt.logs import Log

log = Log("cluster")

SECONDS = 60.0


async def prove(api: Api) -> None:
    """Ask who krt is, for ever; what the answer says of the credentials, they note themselves."""
    while True:
        await trio.sleep(SECONDS)
        try:
            await api.who_am_i()
        except KrtError as error:  # 403 and 404 are answers of a server that knows who asks
            log.debug("credentials_not_proved", problem=error)
