"""The two kinds of Secrets: a source, which people write, and a copy, which krt makes for one Deployment. Pure.

Both readers drop the values: what the controller keeps in memory has digests only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from krt.core.app_secrets.app import Reload, Strategy
from krt.core.app_secrets.digest import digest_of
from krt.core.app_secrets.names import (
    ALLOW_EMPTY,
    COPY_OF,
    DELIVERED_AT,
    DIGEST,
    ENVIRONMENT,
    MOUNT_PATH,
    MOVE,
    REDELIVER,
    REDELIVERED,
    RELOAD,
    SOURCE_OF,
    STAMPED_AT,
    STAMPED_FOR,
    STAMPS,
    STRATEGY,
)
from krt.core.kube.fields import items_at, mapping_at, text_at, texts_at


@dataclass(frozen=True, slots=True)
class Source:
    """A Secret that is labelled with an App. `token` is the text of krt/redeliver, `move` that of krt/move."""

    namespace: str
    name: str
    uid: str
    version: str
    app: str
    digest: str
    keys: tuple[str, ...]
    token: str
    move: str
    allows_empty: bool
    is_terminating: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What a delivery puts into effect until the next one. `digest` names the delivered content."""

    digest: str
    strategy: Strategy
    mount_path: str
    reload: Reload

    @property
    def stamp(self) -> str:
        """The digest that the pod template bears; "" if nothing is to restart pods."""
        return self.digest if self.reload is Reload.AUTO else ""


@dataclass(frozen=True, slots=True)
class Stamps:
    """How often a delivery was attached to one pod template, when last, and the digest of that template."""

    count: int = 0
    at: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """The copy of one Deployment, whose uid is `owner_uid`.

    `content` is the digest of the content that it has now, with the present key; `effect.digest` is the one that was
    written beside the content.
    """

    namespace: str
    name: str
    uid: str
    version: str
    app: str
    owner: str
    owner_uid: str
    environment: str
    effect: Effect
    content: str
    token: str
    delivered_at: str
    stamps: Stamps

    @property
    def is_whole(self) -> bool:
        """Whether its annotations say what is in effect: somebody may have removed some."""
        has_place = self.effect.strategy is Strategy.ENV or bool(self.effect.mount_path)
        return bool(self.effect.digest and self.environment) and has_place


def read_source(body: Mapping[str, object], key: bytes) -> Source | None:
    """The source of a Secret's body; None if the Secret is none: it has no such label, or is a copy."""
    labels, annotations = texts_at(body, "metadata", "labels"), texts_at(body, "metadata", "annotations")
    if SOURCE_OF not in labels or COPY_OF in labels:
        return None
    data = texts_at(body, "data")
    return Source(
        namespace=text_at(body, "metadata", "namespace"),
        name=text_at(body, "metadata", "name"),
        uid=text_at(body, "metadata", "uid"),
        version=text_at(body, "metadata", "resourceVersion"),
        app=labels[SOURCE_OF],
        digest=digest_of(data, key),
        keys=tuple(sorted(data)),
        token=annotations.get(REDELIVER, ""),
        move=annotations.get(MOVE, ""),
        allows_empty=annotations.get(ALLOW_EMPTY) == "true",
        is_terminating=bool(text_at(body, "metadata", "deletionTimestamp")),
    )


def read_copy(body: Mapping[str, object], key: bytes) -> Copy | None:
    """The copy of a Secret's body; None if krt has not made the Secret, or it is being deleted."""
    labels, annotations = texts_at(body, "metadata", "labels"), texts_at(body, "metadata", "annotations")
    if COPY_OF not in labels or mapping_at(body, "metadata").get("deletionTimestamp"):
        return None
    owners = [each for each in items_at(body, "metadata", "ownerReferences") if text_at(each, "kind") == "Deployment"]
    owner = owners[0] if owners else {}
    stamps = annotations.get(STAMPS, "")
    return Copy(
        namespace=text_at(body, "metadata", "namespace"),
        name=text_at(body, "metadata", "name"),
        uid=text_at(body, "metadata", "uid"),
        version=text_at(body, "metadata", "resourceVersion"),
        app=labels[COPY_OF],
        owner=text_at(owner, "name"),
        owner_uid=text_at(owner, "uid"),
        environment=annotations.get(ENVIRONMENT, ""),
        effect=_effect(annotations),
        content=digest_of(texts_at(body, "data"), key),
        token=annotations.get(REDELIVERED, ""),
        delivered_at=annotations.get(DELIVERED_AT, ""),
        stamps=Stamps(
            int(stamps) if stamps.isascii() and stamps.isdecimal() and len(stamps) < 10 else 0,
            annotations.get(STAMPED_AT, ""),
            annotations.get(STAMPED_FOR, ""),
        ),
    )


def _effect(annotations: Mapping[str, str]) -> Effect:
    strategy = Strategy.VOLUME if annotations.get(STRATEGY) == Strategy.VOLUME else Strategy.ENV
    reload = Reload.AUTO if annotations.get(RELOAD) == Reload.AUTO else Reload.MANUAL
    return Effect(annotations.get(DIGEST, ""), strategy, annotations.get(MOUNT_PATH, ""), reload)
