"""Credentials of registries as `docker login` and Secrets of the type kubernetes.io/dockerconfigjson keep them. Pure.

Form: docker/cli, cli/config/configfile. Programs that keep credentials (credsStore, credHelpers) are only named.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from krt.secret import Secret

MOST_BYTES = 1024 * 1024
_HUB = "docker.io"
_NAMES_OF_HUB = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")


class DockerConfigInvalid(ValueError):
    """The content is not a docker config. The message is a clause that quotes nothing of the content."""


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """User and password, or an identity token, for one registry."""

    user: str
    password: Secret
    identity_token: Secret | None = None


class _Auth(msgspec.Struct):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None


class _Config(msgspec.Struct, rename="camel"):
    auths: dict[str, _Auth] | None = None
    creds_store: str | None = None
    cred_helpers: dict[str, str] | None = None


class DockerConfig:
    """The credentials of one file."""

    def __init__(self, content: bytes) -> None:
        """Raises DockerConfigInvalid."""
        try:
            self._config = msgspec.json.decode(content or b"{}", type=_Config)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise DockerConfigInvalid("is not a docker config, which is JSON with `auths`") from None

    def login_of(self, host: str) -> RegistryLogin | None:
        """The login for a registry, such as `ghcr.io`; None if there is none. Raises DockerConfigInvalid."""
        auths = {_host(name): auth for name, auth in reversed((self._config.auths or {}).items())}
        names = _NAMES_OF_HUB if host == _HUB else (host,)
        found = next((auths[_host(name)] for name in names if _host(name) in auths), None)
        return _login(host, found) if found else None

    def helper_of(self, host: str) -> str | None:
        """The program that keeps the credentials for a registry; krt does not run it. None if there is none."""
        helpers: Mapping[str, str] = self._config.cred_helpers or {}
        name = helpers.get(host) or self._config.creds_store
        return f"docker-credential-{name}" if name else None


def _host(name: str) -> str:
    """Docker compares the host alone: `https://ghcr.io/v2/` is ghcr.io."""
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0].lower()


def _login(host: str, auth: _Auth) -> RegistryLogin | None:
    user, password = auth.username or "", auth.password or ""
    if auth.auth:
        try:
            user, colon, password = base64.b64decode(auth.auth, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeError):
            raise DockerConfigInvalid(f"has an `auth` for {host} that is not base64 of USER:PASSWORD") from None
        if not colon:
            raise DockerConfigInvalid(f"has an `auth` for {host} that is not base64 of USER:PASSWORD")
    token = Secret(auth.identitytoken) if auth.identitytoken else None
    return RegistryLogin(user, Secret(password.rstrip("\0")), token) if user or token else None
