"""Finds out which cluster this is: the uids that krt may read, and for want of them the server's address and keys.

What each call needs, seen on Kubernetes 1.36: `get` on the namespace kube-system (a ClusterRole with its name in
`resourceNames`, or any role within kube-system); `get` on namespaces in a role of the watched namespace; who one is may
be asked by everybody (the ClusterRole system:basic-user).
"""

from collections.abc import Awaitable, Iterable
from typing import TypeVar

from krt.backoff import Backoff
from krt.cluster.access import Server
from krt.cluster.api import Api
from krt.core.cluster_identity import ClusterIdentity
from krt.errors import ClusterDenied, ClusterRefused, ClusterUnavailable, NotThere, VersionExpired
from krt.logs import Log

log = Log("cluster")
T = TypeVar("T")

_CLUSTERS_OWN = "kube-system"  # made when the cluster is made, and nobody can delete it
_MOST_NAMESPACES = 8
# Who else has a uid may have it from outside: that of an AWS user is the same in each cluster.
_ACCOUNT = "system:serviceaccount:"


async def identify(api: Api, server: Server, namespaces: Iterable[str]) -> ClusterIdentity:
    """This cluster, as far as krt may see; waits for an API server that does not answer.

    Ask once a scope was listed: while an API server starts, it denies everything to everybody.
    """
    async for _ in Backoff(first_seconds=0.5, most_seconds=15.0):
        try:
            return await _look(api, server, sorted(namespaces)[:_MOST_NAMESPACES])
        except ClusterUnavailable as error:
            log.warning("cluster_not_identified", problem=error)
    raise AssertionError("a backoff does not end")


async def _look(api: Api, server: Server, namespaces: Iterable[str]) -> ClusterIdentity:
    cluster = await _allowed(api.namespace_uid(_CLUSTERS_OWN))
    parts = {f"namespace {name}": uid for name in namespaces if (uid := await _allowed(api.namespace_uid(name)))}
    who = await _allowed(api.who_am_i())
    if who and who.uid and who.username.startswith(_ACCOUNT):
        parts[who.username] = who.uid
    if not cluster:
        log.info("cluster_known_by_less", problem="krt may not get the namespace kube-system", parts=sorted(parts))
    return ClusterIdentity(cluster or "", parts, server.url, server.authorities)


async def _allowed(answer: Awaitable[T]) -> T | None:
    """None where it is denied, or not there: an API server before 1.28 does not say who one is."""
    try:
        return await answer
    except (ClusterDenied, ClusterRefused, NotThere, VersionExpired):
        return None
