"""Announces one event to krt web: repeats the call under one Idempotency-Key until an answer is final."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import trio

from krt.backoff import Backoff
from krt.client import answers
from krt.client.address import KrtServer
from krt.client.outcome import Accepted, NotYet, Refused, Unanswered
from krt.client.token import Token, Tokens
from krt.client.transport import exchange
from krt.core.announce.event import Event, to_json
from krt.http import Outgoing


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event, and the krt web to which it is announced."""

    server: KrtServer
    event: Event
    dry_run: bool
    page: str = ""  # the URL of krt's live page, without a final slash; empty if unknown

    @property
    def url(self) -> str:
        """The URL to post to."""
        return self.server.dry_run_url if self.dry_run else self.server.event_url


@dataclass(frozen=True, slots=True)
class RetryPatience:
    """Time limits: for the whole call, for one attempt, for its connection, and for the pause between attempts."""

    timeout_seconds: float = 60
    attempt_seconds: float = 15
    connect_seconds: float = 10
    first_pause_seconds: float = 1
    longest_pause_seconds: float = 10


class AnnouncingCall:
    """One announcement with all its attempts. krt web recognizes a retry by the Idempotency-Key or by the token.

    `on_not_yet` is called after each attempt without a final answer. `accepted` and `perhaps_accepted` are correct at
    any moment, also after an interrupt.
    """

    def __init__(
        self, message: Announcement, tokens: Tokens, patience: RetryPatience, on_not_yet: Callable[[NotYet], None]
    ) -> None:
        self.accepted: Accepted | None = None
        self.perhaps_accepted = False
        self._message = message
        self._tokens = tokens
        self._patience = patience
        self._on_not_yet = on_not_yet
        self._key = str(uuid.uuid4())

    async def send(self, http: httpx.AsyncClient) -> Accepted | Refused | Unanswered:
        """Repeat the call until an answer is final. Returns Unanswered after `timeout_seconds`."""
        patience = self._patience
        last = NotYet("the time was over before the first answer")
        with trio.move_on_after(patience.timeout_seconds):
            async for _ in Backoff(patience.first_pause_seconds, patience.longest_pause_seconds):
                outcome = await self._attempt(http)
                if not isinstance(outcome, NotYet):
                    return outcome
                last = outcome
                self._on_not_yet(outcome)
                await trio.sleep(outcome.wait_seconds)
        return Unanswered(f"{last.problem}{last.causes}", patience.timeout_seconds, self.perhaps_accepted)

    async def _attempt(self, http: httpx.AsyncClient) -> Accepted | Refused | NotYet:
        fresh = await self._tokens.fresh(http)
        return await self._post(http, fresh) if isinstance(fresh, Token) else fresh

    async def _post(self, http: httpx.AsyncClient, bearer: Token) -> Accepted | Refused | NotYet:
        before = self.perhaps_accepted
        outcome = await self._answer_to(http, bearer)
        match outcome:
            case Accepted():
                self.accepted = outcome
            case Refused() | NotYet(not_taken=True):
                self.perhaps_accepted = before
        return outcome

    async def _answer_to(self, http: httpx.AsyncClient, bearer: Token) -> Accepted | Refused | NotYet:
        answer = await exchange(http, self._request(http, bearer), seconds=self._patience.attempt_seconds)
        if isinstance(answer, NotYet):
            return answer
        return answers.read(answer.without(bearer.value), self._message.server, bearer.claims)

    def _request(self, http: httpx.AsyncClient, bearer: Token) -> httpx.Request:
        content = to_json(self._message.event)
        headers = {
            "Authorization": f"Bearer {bearer.value}",
            "Content-Type": "application/json",
            "Idempotency-Key": self._key,
        }
        request = http.build_request("POST", self._message.url, content=content, headers=headers)
        request.stream = Outgoing(content, self._on_sending)
        return request

    def _on_sending(self) -> None:
        self.perhaps_accepted = True  # unless the answer says otherwise
