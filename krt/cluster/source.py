"""Builds the access to an API server (address, TLS, credentials) from a kubeconfig, or from the pod's own account.

Everything here blocks. Sentences quote paths of files, and no other value of the kubeconfig: it may be a token or a
key.
"""

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from krt.cluster import kubeconfig as kubeconfigs
from krt.cluster import plugin as plugins
from krt.cluster.kubeconfig import ClusterEntry, Exec, Kubeconfig, Unusable, User
from krt.cluster.secured import Material
from krt.files import FileUnusable, read_file
from krt.proxies import proxy_url

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_MOST_BYTES = 1024 * 1024  # of a token, a key, a bundle of authorities
_CLUSTER_CONFIG = "client.authentication.k8s.io/exec"  # the one extension of a cluster that the plugin gets
_WORD = re.compile(r"[!-~]+")
_LINE = re.compile(r"[^\x00-\x1f\x7f]+")

Header = tuple[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Plugin:
    """The program that prints krt's credentials. If it asks for a `cluster` entry, it gets `cluster`.

    `folder` is the kubeconfig's: a relative command is relative to it.
    """

    exec: Exec
    folder: Path
    cluster: Mapping[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """The access as it was just read.

    `token` is the unchecked text of a file or a field; `basic` the value of an Authorization header; `as_whom` the
    headers for impersonation. `context` is the name of the kubeconfig's context, "" in a pod.
    """

    url: str
    proxy: str | None
    material: Material
    token: str | None = None
    basic: str | None = None
    as_whom: tuple[Header, ...] = ()
    plugin: Plugin | None = None
    context: str = ""

    def headers(self, token: str | None) -> tuple[Header, ...]:
        """The headers for a request. `token` is a plugin's or the access's own; None if there is none.

        Raises Unusable if no header can hold the token.
        """
        if token is None:
            return ((("Authorization", self.basic),) if self.basic else ()) + self.as_whom
        word = token.strip()  # a token file ends with a line end, which kubectl removes, too
        if not word:
            raise Unusable("its token is empty")
        if not _WORD.fullmatch(word):
            raise Unusable("its token has a character that no token has")
        return (("Authorization", f"Bearer {word}"), *self.as_whom)


def read_access(path: Path | None, context: str = "") -> Access:
    """The access by one kubeconfig or several, or by the pod's account if `path` is None. Raises Unusable.

    `context` is the kubeconfig's context to use; for "" it is the current one.
    """
    if context and not path:
        raise Unusable(f"there is no kubeconfig, and so no context {context!r}")
    try:
        return _of_kubeconfig(kubeconfigs.read_kubeconfig(path, context)) if path else _of_pod()
    except FileUnusable as error:
        raise Unusable(str(error)) from error


def _of_pod() -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise Unusable("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    url = _checked_url(f"https://{f'[{host}]' if ':' in host else host}:{port}")
    token, authorities = (read_file(ACCOUNT / name, most_bytes=_MOST_BYTES) for name in ("token", "ca.crt"))
    return Access(url, None, Material(authorities=authorities), token=token.decode(errors="replace"))


def _of_kubeconfig(config: Kubeconfig) -> Access:
    cluster, user = config.cluster, config.user
    _check_user(user)
    authorities = _bytes_of(
        "certificate-authority",
        cluster.certificate_authority,
        cluster.certificate_authority_data,
        config.cluster_folder,
    )
    if cluster.insecure_skip_tls_verify and authorities:
        raise Unusable("its cluster has a certificate authority and insecure-skip-tls-verify: take one of them out")
    folder = config.user_folder
    certificate = _bytes_of("client-certificate", user.client_certificate, user.client_certificate_data, folder)
    key = _bytes_of("client-key", user.client_key, user.client_key_data, folder)
    if bool(certificate) != bool(key):
        raise Unusable("its user has a client certificate without its key, or a key alone")
    material = Material(
        authorities,
        certificate,
        key,
        server_name=cluster.tls_server_name or None,
        verify=not cluster.insecure_skip_tls_verify,
        is_plain=cluster.server.startswith("http:"),
    )
    token, basic = _token(user, folder), _basic(user)
    is_known = bool(token is not None or basic or certificate)  # then client-go does not run a plugin
    return Access(
        url=_checked_url(cluster.server),
        proxy=_checked_proxy(cluster.proxy_url),
        material=material,
        token=token,
        basic=basic,
        as_whom=tuple(_as_whom(user)),
        plugin=_plugin(config, authorities) if not is_known else None,
        context=config.context,
    )


def _check_user(user: User) -> None:
    if user.auth_provider is not None:
        raise Unusable("its user has an auth-provider, and krt runs none: use an exec plugin")
    if (user.as_uid or user.as_groups or user.as_user_extra) and not user.as_:
        raise Unusable("its user has as-uid, as-groups or as-user-extra without as")
    if user.exec:
        plugins.check(user.exec)


def _token(user: User, folder: Path) -> str | None:
    """The token of the user's token file; the kubeconfig's own if no file is named or it cannot be read; or None.

    Raises FileUnusable if the file cannot be read and the kubeconfig has no token of its own.
    """
    if not user.token_file:
        return user.token or None
    try:
        return read_file(folder / user.token_file, most_bytes=_MOST_BYTES).decode(errors="replace")
    except FileUnusable:
        if user.token:
            return user.token
        raise


def _basic(user: User) -> str | None:
    if not user.username and not user.password:
        return None
    if not user.username:
        raise Unusable("its user has a password without a username")
    if user.token or user.token_file:
        raise Unusable("its user has a token and a password: take one of them out")
    return "Basic " + base64.b64encode(f"{user.username}:{user.password}".encode()).decode()


def _as_whom(user: User) -> Iterator[Header]:
    if user.as_:
        yield "Impersonate-User", _line("as", user.as_)
    if user.as_uid:
        yield "Impersonate-Uid", _line("as-uid", user.as_uid)
    for group in user.as_groups or ():
        yield "Impersonate-Group", _line("as-groups", group)
    for name, values in (user.as_user_extra or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{_escaped(name)}", _line("as-user-extra", value)


def _line(field: str, text: str) -> str:
    if not _LINE.fullmatch(text) or text != text.strip():
        raise Unusable(f"its user's {field} holds something that no header can hold")
    return text


def _escaped(name: str) -> str:
    """A key of as-user-extra for a header's name: bytes that RFC 9110 forbids there become %XX, as in client-go."""
    return re.sub(rb"[^0-9A-Za-z!#$&'*+.^_`|~-]", lambda found: b"%%%02X" % found[0][0], name.encode()).decode()


def _plugin(config: Kubeconfig, authorities: bytes | None) -> Plugin | None:
    if config.user.exec is None:
        return None
    return Plugin(config.user.exec, config.user_folder, _handed_over(config.cluster, authorities))


def _handed_over(cluster: ClusterEntry, authorities: bytes | None) -> dict[str, Any]:
    whole = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(authorities or b"").decode(),
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
    }
    extensions = (each for each in cluster.extensions or () if each.get("name") == _CLUSTER_CONFIG)
    config = next((each.get("extension") for each in extensions), None)
    return {name: value for name, value in whole.items() if value} | {"config": config}  # Go sends it even if it is nil


def _bytes_of(field: str, file: str, data: str, folder: Path) -> bytes | None:
    if file and data:
        raise Unusable(f"it has {field} and {field}-data: take one of them out")
    if file:
        return read_file(folder / file, most_bytes=_MOST_BYTES)
    if not data:
        return None
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unusable(f"its {field}-data is not base64") from error


def _checked_url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise Unusable("its server is not an http:// or https:// URL")
    if url.userinfo or url.query or url.fragment:
        raise Unusable("its server has a user, a query or a fragment in its URL")
    return text.rstrip("/")


def _checked_proxy(text: str) -> str | None:
    try:
        return proxy_url(text) if text else None
    except ValueError as error:
        raise Unusable(f"the proxy-url of its cluster {error}") from error
