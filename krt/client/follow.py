"""Follows an accepted event: asks krt web for its report until the report is final."""

import math
import re
from dataclasses import dataclass

import httpx
import trio

from krt.backoff import Backoff
from krt.client import answers
from krt.client.call import RetryPatience
from krt.client.display import Display
from krt.client.outcome import Followed, Lost, NotYet, Refused
from krt.client.report import ReceivedReport
from krt.client.token import Token, Tokens
from krt.client.transport import exchange

LONGEST_REPORT_BYTES = 4 * 1024 * 1024  # enough for 1,000 targets with reasons
SENDABLE = re.compile(r'(W/)?"[!#-~]{1,200}"')  # an entity tag (RFC 9110, section 8.8.3) of bounded length
NOBODY = "no krt worker has reported yet: is one running, on the Valkey and the channel of this krt web?"


@dataclass(frozen=True, slots=True)
class QuestionPace:
    """How often the report is asked for, and how long failures are endured. All in seconds."""

    hold_seconds: float = 25  # krt web may delay its answer this long until the report changes
    spacing_seconds: float = 1  # least time between two requests
    doubt_seconds: float = 30  # a refusal must last this long: while krt web restarts, proxies refuse in its place
    absent_seconds: float = 120  # a worker that is being replaced is back within this time
    nobody_seconds: float = 30  # a running worker has reported by then


class Follow:
    """Follows one event. `report` is the newest report, `problem` the reason why there is no newer one.

    Both stay correct if `to_end` is cancelled.
    """

    def __init__(self, url: str, tokens: Tokens, patience: RetryPatience, pace: QuestionPace, display: Display) -> None:
        self.report: ReceivedReport | None = None
        self.problem = ""
        self._url = url
        self._tokens = tokens
        self._patience = patience
        self._pace = pace
        self._display = display
        self._etag = ""  # of `report`
        self._give_up_at = math.inf
        self._say_nobody_at = math.inf

    async def to_end(self, http: httpx.AsyncClient) -> Followed | Lost | Refused:
        """Show every report until the last one.

        Returns Followed if the last report is final, or waits only for clusters without workers; Lost or Refused if
        krt web shows no report.
        """
        self._say_nobody_at = trio.current_time() + self._pace.nobody_seconds
        while True:
            asked_at = trio.current_time()
            seen = await self._next(http)
            if not isinstance(seen, ReceivedReport):
                return seen
            self.report, self.problem = seen, ""
            self._display.show(seen)
            if seen.is_final or self._has_waited_enough(seen):
                return Followed(seen)
            self._hint(seen)
            await trio.sleep_until(asked_at + self._pace.spacing_seconds)

    async def _next(self, http: httpx.AsyncClient) -> ReceivedReport | Lost | Refused:
        believed_at = math.inf
        async for _ in Backoff(self._patience.first_pause_seconds, self._patience.longest_pause_seconds):
            seen = await self._look(http)
            match seen:
                case ReceivedReport():
                    return seen
                case NotYet():
                    self._tell(seen.problem)
                    await trio.sleep(seen.wait_seconds)
                case Lost() | Refused():
                    now = trio.current_time()
                    believed_at = min(believed_at, now + self._pace.doubt_seconds)
                    if now >= believed_at:
                        return seen
                    self._tell(seen.sentence)
                    self._tokens.drop()  # a new token may be accepted
        raise AssertionError("Backoff goes on for ever")

    async def _look(self, http: httpx.AsyncClient) -> ReceivedReport | Lost | Refused | NotYet:
        bearer = await self._tokens.fresh(http)
        if not isinstance(bearer, Token):
            return bearer
        known = {"If-None-Match": self._etag} if self.report and SENDABLE.fullmatch(self._etag) else {}
        headers = {"Authorization": f"Bearer {bearer.value}", **known}
        request = http.build_request("GET", f"{self._url}{self._wait()}", headers=headers)
        seconds = self._pace.hold_seconds + self._patience.attempt_seconds
        answer = await exchange(http, request, seconds=seconds, most_bytes=LONGEST_REPORT_BYTES)
        if isinstance(answer, NotYet):
            return answer
        if answer.status == 304 and self.report and known:
            return self.report
        self._etag = answer.etag
        return answers.read_report(answer.without(bearer.value), bearer.claims)

    def _wait(self) -> str:
        """The query that makes krt web wait for a change: none for the first report; never beyond `_give_up_at`."""
        if self.report is None:
            return ""
        left_seconds = max(0.0, self._give_up_at - trio.current_time())
        return f"?wait={math.ceil(min(self._pace.hold_seconds, left_seconds))}"

    def _tell(self, problem: str) -> None:
        if problem != self.problem:  # a problem that repeats is shown once
            self._display.note(f"{problem}; trying again")
        self.problem = problem

    def _has_waited_enough(self, report: ReceivedReport) -> bool:
        if not report.waits_for_absent_only:
            self._give_up_at = math.inf
            return False
        now = trio.current_time()
        self._give_up_at = min(self._give_up_at, now + self._pace.absent_seconds)
        return now >= self._give_up_at

    def _hint(self, report: ReceivedReport) -> None:
        if not report.clusters and trio.current_time() >= self._say_nobody_at:
            self._display.note(NOBODY)
            self._say_nobody_at = math.inf
