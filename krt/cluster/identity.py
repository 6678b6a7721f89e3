"""Finds out which cluster this is: by the uids that krt may read, otherwise by the server's address and authorities.

The calls need these rights, as seen on Kubernetes 1.36: `get` on the namespace kube-system (a ClusterRole with this
name in `resourceNames`, or a Role within kube-system); `get` on namespaces, in a Role of each watched namespace. Every
account may ask who it is (the ClusterRole system:basic-user).
"""

import json
from collections.abc import Awaitable, Iterable
from typing import TypeVar

import msgspec

from krt.backoff import Backoff
from krt.cluster.access import ApiServer
from krt.cluster.transport import Transport, decoded
from krt.cluster.wire import read_uid
from krt.core.kube.cluster_identity import ClusterIdentity
from krt.core.kube.resource import NAMESPACE, Resource
from krt.errors import ClusterDenied, ClusterRefused, ClusterUnavailable, NotThere, VersionExpired
from krt.logs import Log

log = Log("cluster")
T = TypeVar("T")

_CLUSTERS_OWN = "kube-system"  # the API server creates this namespace, and nobody can delete it
_REVIEW = Resource("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False)
_MOST_NAMESPACES = 8
# Only a service account's uid belongs to one cluster. An AWS user, for example, has the same uid in every cluster.
_ACCOUNT = "system:serviceaccount:"


class Account(msgspec.Struct):
    """The account that the API server authenticates krt as. `uid` is "" if the account has none."""

    username: str = ""
    uid: str = ""


class _ReviewStatus(msgspec.Struct, rename="camel"):
    user_info: Account


class _Review(msgspec.Struct):
    status: _ReviewStatus


_review = msgspec.json.Decoder(_Review)


async def identify(transport: Transport, server: ApiServer, namespaces: Iterable[str]) -> ClusterIdentity:
    """This cluster's identity, as far as krt may read it. Retries until the API server answers.

    Call it after a scope was listed, because a starting API server denies everything to everybody.
    """
    async for _ in Backoff(first_seconds=0.5, most_seconds=15.0):
        try:
            return await _look(transport, server, sorted(namespaces)[:_MOST_NAMESPACES])
        except ClusterUnavailable as error:
            log.warning("cluster_not_identified", problem=error)
    raise AssertionError("a backoff does not end")


async def namespace_uid(transport: Transport, name: str) -> str:
    """The uid of a namespace. Raises the errors of Transport.call."""
    return decoded(read_uid, await transport.call("GET", NAMESPACE.object_path("", name)))


async def who_am_i(transport: Transport) -> Account:
    """The account that the API server authenticates krt as. Raises the errors of Transport.call.

    Before Kubernetes 1.28 this is NotThere.
    """
    question = json.dumps({"apiVersion": _REVIEW.api_version, "kind": _REVIEW.kind}).encode()
    headers = {"Content-Type": "application/json"}
    body = await transport.call("POST", _REVIEW.collection_path(None), content=question, headers=headers)
    return decoded(_review.decode, body).status.user_info


async def _look(transport: Transport, server: ApiServer, namespaces: Iterable[str]) -> ClusterIdentity:
    cluster = await _allowed(namespace_uid(transport, _CLUSTERS_OWN))
    parts = {f"namespace {name}": uid for name in namespaces if (uid := await _allowed(namespace_uid(transport, name)))}
    who = await _allowed(who_am_i(transport))
    if who and who.uid and who.username.startswith(_ACCOUNT):
        parts[who.username] = who.uid
    if not cluster:
        log.info("cluster_known_by_less", problem="krt may not get the namespace kube-system", parts=sorted(parts))
    return ClusterIdentity(cluster or "", parts, server.url, server.authorities)


async def _allowed(answer: Awaitable[T]) -> T | None:
    """The awaited result; None if the call is denied or refused, or if its object does not exist."""
    try:
        return await answer
    except (ClusterDenied, ClusterRefused, NotThere, VersionExpired):
        return None
