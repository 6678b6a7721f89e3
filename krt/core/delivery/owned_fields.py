"""Which fields of a live object an owner's apply still owns, as a short text. Pure.

If somebody changes or removes a field that krt has applied, the API server takes that field from krt's entry in
managedFields. So an object whose entry is as krt's apply left it has every applied field unchanged, and metadata alone
suffice to see that. Source: kubernetes.io/docs, "Server-Side Apply", "Field management".
"""

from collections.abc import Mapping
from hashlib import sha256

import msgspec

from krt.core.delivery.ownership import Owner
from krt.core.kube.fields import field_at, items_at, text_at

_DIGITS = 12  # hexadecimal
_canonical = msgspec.json.Encoder(order="sorted")


def owned_fields(live: Mapping[str, object], owner: Owner) -> str:
    """Twelve hexadecimal digits for the names of the fields; "" if the owner has no entry. No value goes in."""
    for entry in items_at(live, "metadata", "managedFields"):
        is_apply = text_at(entry, "operation") == "Apply" and not text_at(entry, "subresource")
        if is_apply and text_at(entry, "manager") == owner.field_manager:
            return sha256(_canonical.encode(field_at(entry, "fieldsV1"))).hexdigest()[:_DIGITS]
    return ""
