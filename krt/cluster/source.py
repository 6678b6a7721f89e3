"""The kubernetes package's reading of a kubeconfig, or of the pod's own account. Everything here blocks.

No sentence of it quotes what a kubeconfig holds: tokens and keys stand in there.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from krt.errors import KrtError

_SENDABLE = re.compile(r"[!-~]+ [!-~]+")  # a scheme and what it takes, in one line of a request's head


class Unusable(KrtError):
    """The configuration, or what it leads to, says nothing that krt can use: half a sentence, what is wrong."""


class Source:
    """One kubeconfig (None: the pod's own account). `configuration` is its content as last read.

    Raises Unusable. A file that is not there yet, or a plugin that fails, is read or run again by the next call.
    """

    def __init__(self, kubeconfig: Path | None) -> None:
        self._kubeconfig = kubeconfig
        self.configuration = self._load()

    def header(self) -> str | None:
        """The Authorization header as of now. A plugin is run again only where its token has ended."""
        if self._runs_plugin() and (header := self._kept()):
            return header
        return self.new_header()

    def new_header(self) -> str | None:
        """The same, whatever was known before. None where nothing but a client certificate says who krt is."""
        self.configuration = self._load()
        header = self._kept()
        if header is None and not self.configuration.cert_file and self._user():
            raise Unusable(self._nothing())
        return header

    def _kept(self) -> str | None:
        try:
            header: str | None = self.configuration.get_api_key_with_prefix("BearerToken")
        except _stumbles() as error:
            raise _translated(error) from error
        return None if header is None else _sendable(header)

    def _load(self) -> Any:
        from kubernetes.client import Configuration
        from kubernetes.config import load_incluster_config, load_kube_config

        try:
            configuration = Configuration()
            if self._kubeconfig:
                load_kube_config(config_file=str(self._kubeconfig), client_configuration=configuration)
            else:
                load_incluster_config(client_configuration=configuration)
        except _stumbles() as error:
            raise _translated(error) from error
        return configuration

    def _nothing(self) -> str:
        if self._runs_plugin():
            return "its exec plugin gave no credentials (what the plugin said stands in the log before this)"
        return "its user has no token, certificate, password or exec plugin that can be used"

    def _runs_plugin(self) -> bool:
        user = self._user()
        return "exec" in user and not user.get("token") and not user.get("tokenFile")  # as the package decides

    def _user(self) -> Mapping[str, Any]:
        """The entry of the current context's user, as far as there is one."""
        if self._kubeconfig is None:
            return {}
        try:
            document = yaml.safe_load(self._kubeconfig.read_text())
            contexts, users = (_by_name(document.get(part)) for part in ("contexts", "users"))
            context = contexts[document["current-context"]]["context"]
            return users.get(context.get("user"), {}).get("user") or {}
        except _stumbles() as error:
            raise _translated(error) from error


def _stumbles() -> tuple[type[Exception], ...]:
    """What the package and the YAML parser raise on a malformed document, and on files that are not there."""
    from kubernetes.config import ConfigException

    return ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError


def _by_name(entries: Any) -> dict[str, Any]:
    return {entry["name"]: entry for entry in entries or ()}


def _sendable(header: str) -> str:
    header = header.strip()  # a token file ends in a line end, as kubectl knows, too
    if not _SENDABLE.fullmatch(header):
        raise Unusable("its token holds something that no token holds")
    return header


def _translated(error: Exception) -> Unusable:
    from kubernetes.config import ConfigException

    match error:
        case ConfigException():
            return Unusable(_one_line(re.sub(r"\{.*\}", "{…}", str(error), flags=re.DOTALL)))
        case yaml.YAMLError():
            return Unusable(f"it is no YAML: {_one_line(str(error))}")
        case OSError(filename=str(name), strerror=str(reason)):
            return Unusable(f"{name}: {reason}")
        case _:
            return Unusable(f"it is no kubeconfig ({type(error).__name__})")


def _one_line(text: str) -> str:
    return " ".join(text.split())
