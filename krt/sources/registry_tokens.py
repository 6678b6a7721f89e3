"""Tokens of registries: the distribution specification's token authentication, and Docker's OAuth2 form of it."""

import base64
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx
import msgspec

from krt.secret import Secret
from krt.sources.challenge import Challenge
from krt.sources.docker_config import RegistryLogin
from krt.sources.errors import SourceDenied, SourceRefused, SourceUnavailable
from krt.sources.exchange import exchange
from krt.sources.way import check_url

_MOST_BYTES = 256 * 1024
_MOST_TOKEN = 64 * 1024


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """The value of the header Authorization."""

    header: Secret


class _Answer(msgspec.Struct):
    token: str = ""
    access_token: str = ""


def basic(login: RegistryLogin) -> RegistryToken:
    """The header of RFC 7617 for user and password."""
    packed = base64.b64encode(f"{login.user}:{login.password.reveal()}".encode()).decode()
    return RegistryToken(Secret(f"Basic {packed}"))


@dataclass(frozen=True, slots=True)
class TokenQuestion:
    """The request for a token. `may_be_plain` allows a token service of this machine without TLS."""

    host: str
    challenge: Challenge
    scope: str
    may_be_plain: bool


async def fetch_token(http: httpx.AsyncClient, asked: TokenQuestion, login: RegistryLogin | None) -> RegistryToken:
    """The token for this scope. Raises SourceDenied, SourceRefused and SourceUnavailable."""
    realm = _realm(asked)
    fields = {"service": asked.challenge.service, "scope": asked.scope}
    if login and login.identity_token:
        fields |= {"grant_type": "refresh_token", "refresh_token": login.identity_token.reveal(), "client_id": "krt"}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        content = urlencode(fields).encode()
        answer = await exchange(http, "POST", realm, most_bytes=_MOST_BYTES, headers=form, content=content)
    else:
        headers = {"Authorization": basic(login).header.reveal()} if login else {}
        url = realm.copy_merge_params(fields)
        answer = await exchange(http, "GET", url, most_bytes=_MOST_BYTES, headers=headers)
    return _token(answer.status, answer.body, asked.host, has_login=login is not None)


def _realm(asked: TokenQuestion) -> httpx.URL:
    try:
        realm = httpx.URL(asked.challenge.realm)
    except httpx.InvalidURL:
        raise SourceRefused(f"{asked.host} names a token service that is not a URL") from None
    check_url(realm, may_be_plain=asked.may_be_plain)
    return realm


def _token(status: int, body: bytes, host: str, *, has_login: bool) -> RegistryToken:
    if status in {400, 401, 403}:
        note = "these credentials" if has_login else "anybody without credentials"
        raise SourceDenied(f"the token service of {host} gives {note} no token (status {status})")
    if status != 200:
        raise SourceUnavailable(f"the token service of {host} answers with status {status}")
    try:
        found = msgspec.json.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise SourceRefused(f"the token service of {host} answers with something that is not a token") from None
    token = found.token or found.access_token
    if not token or len(token) > _MOST_TOKEN or not (token.isascii() and token.isprintable()):
        raise SourceRefused(f"the token service of {host} answers with something that is not a token")
    return RegistryToken(Secret(f"Bearer {token}"))
