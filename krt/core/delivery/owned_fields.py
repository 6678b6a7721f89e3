"""A digest of the fields of a live object that an owner's apply still owns. Pure.

If somebody changes or removes a field that krt has applied, the API server takes that field out of krt's entry in
managedFields. So if the entry is as krt's apply left it, every applied field is unchanged, and the object's metadata
alone show that. Source: kubernetes.io/docs, "Server-Side Apply", "Field management".
"""

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from krt.core.delivery.ownership import Owner
from krt.core.kube.fields import field_at, items_at, text_at
from krt.core.reason import readable

_DIGITS = 12  # hexadecimal
_canonical = msgspec.json.Encoder(order="sorted")


def other_manager(live: Mapping[str, object], owner: Owner) -> str:
    """The manager of the newest entry in managedFields that is not the owner's; "" if there is none.

    Entries of subresources, such as the status, do not count.
    """
    entries = [each for each in items_at(live, "metadata", "managedFields") if not text_at(each, "subresource")]
    others = [each for each in entries if text_at(each, "manager") != owner.field_manager]
    latest = max(others, key=lambda each: text_at(each, "time"), default={})
    return readable(text_at(latest, "manager"))


def owned_fields(live: Mapping[str, object], owner: Owner) -> str:
    """Twelve hexadecimal digits, a digest of the fields' names and of no value; "" if the owner has no entry."""
    for entry in items_at(live, "metadata", "managedFields"):
        is_apply = text_at(entry, "operation") == "Apply" and not text_at(entry, "subresource")
        if is_apply and text_at(entry, "manager") == owner.field_manager:
            return sha256(_canonical.encode(field_at(entry, "fieldsV1"))).hexdigest()[:_DIGITS]
    return ""
