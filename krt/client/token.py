"""Gets the job's OIDC token from GitHub's token service (docs.github.com, "OpenID Connect reference")."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
import msgspec
import trio

from krt.client import claims
from krt.client.outcome import NotYet, Refused
from krt.client.transport import Answer, exchange

MARGIN_SECONDS = 60.0  # for one attempt, a queue in a proxy, and a slightly wrong clock
TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
LONGEST_TOKEN = 8192  # krt web accepts no longer token

PERMISSION = "the job needs `permissions: id-token: write`"


@dataclass(frozen=True, slots=True)
class TokenService:
    """The job's ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN, and the audience to request."""

    url: str
    secret: str = field(repr=False)
    audience: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token for krt web. After `stale_at`, on Trio's clock, it expires too soon to be sent."""

    value: str = field(repr=False)
    claims: claims.Claims
    stale_at: float


class Tokens:
    """Keeps a token of the job. `on_token` is called with each new one before its use. `seconds` bounds a request."""

    def __init__(self, service: TokenService, *, seconds: float, on_token: Callable[[str], None]) -> None:
        self._service = service
        self._seconds = seconds
        self._on_token = on_token
        self._token: Token | None = None

    async def fresh(self, http: httpx.AsyncClient) -> Token | NotYet | Refused:
        """The kept token, or a new one if it expires soon. NotYet or Refused if the token service gives none."""
        if self._token is not None and trio.current_time() < self._token.stale_at:
            return self._token
        answer = await _ask(http, self._service, seconds=self._seconds)
        if isinstance(answer, Token):
            self._on_token(answer.value)
            self._token = answer
        return answer

    def drop(self) -> None:
        """Request a new token next time."""
        self._token = None


class _Body(msgspec.Struct):
    value: str = ""


async def _ask(http: httpx.AsyncClient, service: TokenService, *, seconds: float) -> Token | NotYet | Refused:
    url = f"{service.url}{'&' if '?' in service.url else '?'}audience={quote(service.audience, safe='')}"
    request = http.build_request("GET", url, headers={"Authorization": f"bearer {service.secret}"})
    match await exchange(http, request, seconds=seconds):
        case Answer(status=200) as answer:
            return _token(answer)
        case Answer(status=408 | 429) as answer:
            return _again(answer)
        case Answer(status=status) as answer if status >= 500:
            return _again(answer)
        case Answer(status=status):
            return Refused(f"GitHub's token service refused to give a token ({status}): {PERMISSION}{_else(status)}")
        case NotYet(problem=problem):
            return NotYet(f"GitHub's token service: {problem}")


def _else(status: int) -> str:
    """Other conditions that the job may not meet, as the rest of a sentence."""
    if status in {401, 403}:
        return ", and must still be running"
    return ", and ACTIONS_ID_TOKEN_REQUEST_URL as GitHub sets it; or the service takes no such audience"


def _token(answer: Answer) -> Token | Refused:
    value = (answer.document(_Body) or _Body()).value
    if len(value) > LONGEST_TOKEN or not TOKEN.fullmatch(value):
        return Refused("GitHub's token service answered without a token: is ACTIONS_ID_TOKEN_REQUEST_URL right?")
    its = claims.read(value)
    life_seconds = claims.lifetime_seconds(its, time.time())
    return Token(value, its, stale_at=trio.current_time() + life_seconds - MARGIN_SECONDS)


def _again(answer: Answer) -> NotYet:
    return NotYet(f"GitHub's token service answered {answer.status}", wait_seconds=answer.wait_seconds)
