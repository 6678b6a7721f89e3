"""An OIDC issuer with a real key, and GitHub's token service for jobs, as one ASGI app.

Its answers follow token.actions.githubusercontent.com. A caller that sends `request_token` counts as the job.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

import jwt
import msgspec
import trio

from krt.dev import asgi, github
from krt.dev.asgi import StandInAnswer
from krt.dev.github import Job
from krt.dev.signing_key import SigningKey, make_key
from krt.serving.asgi import HTTPScope, Receive, Scope, Send, send_body

KEYS_PATH = "/.well-known/jwks"
DISCOVERY_PATH = "/.well-known/openid-configuration"
TOKEN_PATH = "/idtoken"  # noqa: S105  a path, not a secret
MOVED_PATH = "/moved/jwks"
CHUNK_BYTES, HUGE_BYTES = 65_536, 80_000_000
RUN_SECONDS = 60.0  # a token after a longer pause is of another run; by default `krt notify` repeats a call for 60 s


class KeysFault(StrEnum):
    """A fault of the key endpoint."""

    NONE = "none"
    ERROR = "error"  # 500
    SILENT = "silent"  # never answers
    DRIP = "drip"  # the right body, one byte a second
    GARBAGE = "garbage"  # 200 with a page of HTML
    HUGE = "huge"  # the right body after 80 MB of white space
    REDIRECT = "redirect"  # 302 to a path with the right body


class StandInIssuer:
    """The issuer. `url` is the `iss` claim and the base of every path; set it once the port is known."""

    def __init__(self, url: str = "", *, job: Job | None = None, now: Callable[[], float] = time.time) -> None:
        self.url = url
        self.job = job or Job()
        self.request_token = secrets.token_urlsafe(24)
        self.keys_fault = KeysFault.NONE
        self.keys_body: bytes | None = None
        """Published in place of the keys, unless it is None."""
        self.keys_fetches = 0
        self.moved_fetches = 0
        self.tokens_given = 0
        self._keys = (make_key(),)
        self._now = now
        self._asked_at: float | None = None
        self._runs_before = 0

    @property
    def key(self) -> SigningKey:
        """The signing key."""
        return self._keys[-1]

    @property
    def request_url(self) -> str:
        """The value of ACTIONS_ID_TOKEN_REQUEST_URL, to which a job appends `&audience=…`."""
        return f"{self.url}{TOKEN_PATH}?api-version=2.0"

    def sign(
        self,
        claims: Mapping[str, Any],
        *,
        headers: Mapping[str, Any] | None = None,
        key: SigningKey | None = None,
    ) -> str:
        """A token with these claims. `headers` add to GitHub's four headers, or replace them."""
        key = key or self.key
        own = {"kid": key.kid, "x5t": key.thumbprint}
        return jwt.encode(dict(claims), key.private, algorithm="RS256", headers={**own, **(headers or {})})

    def github_claims(self, audience: str, **overrides: object) -> dict[str, Any]:
        """The job's claims, issued now. `overrides` replace claims; the value `...` removes one."""
        return github.github_claims(self.url, audience, int(self._now()), self.job, **overrides)

    def token(self, audience: str, **overrides: object) -> str:
        """The token that the job would get now."""
        return self.sign(self.github_claims(audience, **overrides))

    def rotate(self, *, keep_old: bool = True) -> SigningKey:
        """Sign with a new key from now on. The older keys stay published if `keep_old`."""
        self._keys = (*(self._keys if keep_old else ()), make_key())
        return self.key

    def key_set(self) -> bytes:
        """The published key set."""
        return msgspec.json.encode({"keys": [key.public() for key in self._keys]})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await asgi.live(receive, send)
        elif scope["type"] == "http":
            await asgi.read_body(receive)
            await self._serve(scope, send)

    async def _serve(self, scope: HTTPScope, send: Send) -> None:
        match scope["method"], scope["path"]:
            case "GET", "/.well-known/jwks":
                self.keys_fetches += 1
                await self._publish(send)
            case "GET", "/moved/jwks":
                self.moved_fetches += 1
                await asgi.respond(send, StandInAnswer(200, self.key_set()))
            case "GET", "/.well-known/openid-configuration":
                await asgi.respond(send, StandInAnswer(200, self._discovery()))
            case "GET", "/idtoken":
                await asgi.respond(send, self._give_token(scope))
            case _:
                await asgi.respond(send, StandInAnswer(404))

    async def _publish(self, send: Send) -> None:
        body = self.key_set() if self.keys_body is None else self.keys_body
        match self.keys_fault:
            case KeysFault.ERROR:
                await asgi.respond(send, StandInAnswer(500))
            case KeysFault.SILENT:
                await trio.sleep_forever()
            case KeysFault.DRIP:
                await _drip(send, body)
            case KeysFault.GARBAGE:
                await asgi.respond(send, StandInAnswer(200, b"<!doctype html><title>Unicorn!</title>", "text/html"))
            case KeysFault.HUGE:
                await _pad(send, body)
            case KeysFault.REDIRECT:
                await asgi.respond(send, StandInAnswer(302, headers={"location": f"{self.url}{MOVED_PATH}"}))
            case KeysFault.NONE:
                await asgi.respond(send, StandInAnswer(200, body))

    def _give_token(self, scope: HTTPScope) -> StandInAnswer:
        given = b"".join(value for name, value in scope["headers"] if name == b"authorization")
        scheme, _, token = given.partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token, self.request_token.encode()):
            return StandInAnswer(401)
        query = parse_qs(scope["query_string"].decode("ascii", "replace"))
        if query.get("api-version") != ["2.0"]:
            return StandInAnswer(400)
        (audience,) = query.get("audience", [f"https://github.com/{self.job.owner}"])[:1]
        value = self.token(audience, run_id=self._run_id())
        self.tokens_given += 1
        return StandInAnswer(200, msgspec.json.encode({"count": len(value), "value": value}))

    def _run_id(self) -> str:
        """The id of the job's run. A token after a pause is of another run, as if the workflow had started again."""
        now = self._now()
        self._runs_before += self._asked_at is not None and now - self._asked_at > RUN_SECONDS
        self._asked_at = now
        return str(int(self.job.run_id) + self._runs_before)

    def _discovery(self) -> bytes:
        return msgspec.json.encode(
            {
                "issuer": self.url,
                "jwks_uri": f"{self.url}{KEYS_PATH}",
                "subject_types_supported": ["public", "pairwise"],
                "response_types_supported": ["id_token"],
                "claims_supported": sorted(self.github_claims("")),
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid"],
            }
        )


async def _drip(send: Send, body: bytes) -> None:
    await asgi.start(send, StandInAnswer(200), length=len(body))
    for position in range(len(body)):
        await trio.sleep(1)
        await send_body(send, body[position : position + 1], more=position + 1 < len(body))


async def _pad(send: Send, body: bytes) -> None:
    await asgi.start(send, StandInAnswer(200), length=HUGE_BYTES + len(body))
    for sent in range(0, HUGE_BYTES, CHUNK_BYTES):
        await send_body(send, b" " * min(CHUNK_BYTES, HUGE_BYTES - sent), more=True)
    await send_body(send, body, more=False)
