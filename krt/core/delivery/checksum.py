"""Tells whether a manifest is the one that was applied last, by a checksum of 16 bits in the inventory. Pure.

If the checksums are equal, krt leaves out the dry-run of the object; it never leaves out the apply. So if two manifests
have the same checksum, only a refusal comes later than it could. The checksum is short on purpose: a Secret's manifest
may hold a password, and a reader of the inventory can exclude most wrong guesses, but cannot confirm one.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256

import msgspec

from krt.core.delivery.ownership import Owner
from krt.core.kube.fields import items_at, text_at

_DIGITS = 4  # hexadecimal
_JOB_DIGITS = 8
_canonical = msgspec.json.Encoder(order="sorted")


def checksum_of(body: Mapping[str, object]) -> str:
    """The checksum of a manifest: four hexadecimal digits."""
    return sha256(_canonical.encode(body)).hexdigest()[:_DIGITS]


def job_version_of(body: Mapping[str, object]) -> str:
    """The version of a Job's manifest, eight hexadecimal digits: krt does not run a complete Job of it again.

    With four digits, one new version in 65,536 would count as the old one, and would never run.
    """
    return sha256(_canonical.encode(body)).hexdigest()[:_JOB_DIGITS]


def applied_at(live: Mapping[str, object], owner: Owner) -> str:
    """The time that the API server noted when the owner's apply last changed the object; "" if it has noted none.

    Source: kubernetes.io/docs, "Server-Side Apply", "Field management": the entry's timestamp is updated when the
    manager changes a field that it owns.
    """
    return max(_times(live, owner.field_manager), default="")


def _times(live: Mapping[str, object], manager: str) -> Iterator[str]:
    for entry in items_at(live, "metadata", "managedFields"):
        if text_at(entry, "manager") == manager and text_at(entry, "operation") == "Apply":
            yield text_at(entry, "time")
