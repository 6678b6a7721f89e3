"""Calls in the name of another account: the API server then checks the rights of that account.

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
        """The headers of krt's own credentials, and the name. Raises ClusterUnavailable."""
        return (*await self._own.headers(), ("Impersonate-User", self._name))

    def accept(self) -> None:
        """Note that the API server did not answer 401."""
        self._own.accept()

    def refuse(self) -> None:
        """Note that the API server refused krt's own credentials (401)."""
        self._own.refuse()

    def doubt(self) -> None:
        """Note that krt could not connect."""
        self._own.doubt()
