"""Finds out every minute whether the API server still knows who krt is, for readiness.

A watch that was begun with credentials goes on for minutes after they have ended, and nothing else is asked of the API
server while no event comes.
"""

import trio

from krt.cluster.api import Api
from krt.cluster.follow import Scope
from krt.errors import KrtError
from krt.logs import Log

log = Log("cluster")

SECONDS = 60.0


async def prove(scope: Scope, api: Api) -> None:
    """Ask for one object of the scope, for ever; what the answer says of the credentials, they note themselves."""
    while True:
        await trio.sleep(SECONDS)
        try:
            await api.newest_version(scope.kind, scope.namespace)
        except KrtError as error:  # but for a 401, it is an answer to somebody who is known, or none
            log.debug("credentials_not_proved", problem=error)
