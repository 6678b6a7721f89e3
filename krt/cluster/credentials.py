"""When the credentials for the API server are read again, and what holds until then."""

import trio

from krt.cluster.source import Source, Unusable
from krt.errors import ClusterUnavailable
from krt.logs import Log

log = Log("cluster")

_READ_AGAIN_SECONDS = 60.0  # projected service-account tokens are replaced well before they end
_TRY_AGAIN_SECONDS = 5.0  # after a refusal or a failure: neither may make an exec plugin run in a loop
_READ_SECONDS = 30.0  # an exec plugin may ask a cloud for its token


class Credentials:
    """The Authorization header of the moment: read again every minute, and when the API server refuses it.

    What cannot be read again is used on until the API server refuses it.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._header: str | None = None
        self._usable = False
        self._refused = False
        self._problem = ""
        self._tried_at = -float("inf")
        self._lock = trio.Lock()

    async def header(self) -> str | None:
        """The header's value; None where a client certificate says who krt is. Raises ClusterUnavailable."""
        async with self._lock:
            pause_seconds = _READ_AGAIN_SECONDS if self._usable else _TRY_AGAIN_SECONDS
            if trio.current_time() - self._tried_at >= pause_seconds:
                await self._read()
        if not self._usable and self._problem:
            raise ClusterUnavailable(f"the credentials cannot be read: {self._problem}")
        return self._header

    def refuse(self) -> None:
        """The API server does not accept them: read everything anew, soon."""
        self._usable, self._refused = False, True

    async def _read(self) -> None:
        read = self._source.new_header if self._refused else self._source.header
        try:
            with trio.fail_after(_READ_SECONDS):
                self._header = await trio.to_thread.run_sync(read, abandon_on_cancel=True)
            self._usable, self._refused, self._problem = True, False, ""
        except Unusable as error:
            self._fail(str(error))
        except trio.TooSlowError:
            self._fail(f"not within {_READ_SECONDS:g} s")
        self._tried_at = trio.current_time()

    def _fail(self, problem: str) -> None:
        self._problem = problem
        log.warning("credentials_not_read", problem=problem, kept=self._usable)
