"""Calls in the name of another account: the API server asks what that account may do.

Source: kubernetes.io/docs, "Authenticating", "User impersonation". The API server adds the groups of a ServiceAccount
itself.
"""

from krt.cluster.source import Header
from krt.cluster.transport import Authenticator


class Impersonating:
    """krt's own credentials, with the name of a ServiceAccount."""

    def __init__(self, own: Authenticator, namespace: str, account: str) -> None:
        self._own = own
        self._name = f"system:serviceaccount:{namespace}:{account}"

    async def headers(self) -> tuple[Header, ...]:
        """The own headers, and the name. Raises ClusterUnavailable."""
        return (*await self._own.headers(), ("Impersonate-User", self._name))

    def accept(self) -> None:
        """Note that the API server accepted the own credentials."""
        self._own.accept()

    def refuse(self) -> None:
        """Note that it refused them."""
        self._own.refuse()

    def doubt(self) -> None:
        """Note that no connection could be made."""
        self._own.doubt()
