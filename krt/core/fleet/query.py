"""`k8s:<apiVersion>:<kind>:<namespace>:<name>`: the object from which a runtime takes values. Pure.

The sentences of the first two refusals are Timoni's.
"""

from dataclasses import dataclass

from krt.core.fleet.refusals import FleetInvalid
from krt.core.kube.object_key import ObjectKey

_START = "k8s"


@dataclass(frozen=True, slots=True)
class Query:
    """The object's group, version and key; the key has no namespace if the query has none."""

    group: str
    version: str
    key: ObjectKey
    text: str

    @property
    def is_secret(self) -> bool:
        """Whether the object is a Secret, whose data krt decodes and never shows in an error."""
        return not self.group and self.key.kind == "Secret"

    def __str__(self) -> str:
        return "/".join(filter(None, (self.key.kind, self.key.namespace, self.key.name)))


def parse_query(text: str) -> Query:
    """The query that `text` spells. Raises FleetInvalid.

    A name may have colons only if there is a namespace: four parts stand for an object without a namespace.
    """
    parts = text.split(":", 4)
    if parts[0] != _START:
        raise FleetInvalid(f"failed to parse '{text}': query must start with k8s")
    if len(parts) < 4:
        raise FleetInvalid(f"failed to parse '{text}': invalid number of parts")
    api_version, kind, namespace, name = parts[1], parts[2], parts[3] if len(parts) == 5 else "", parts[-1]
    group, _, version = api_version.rpartition("/")
    if not (version and kind and name) or (len(parts) == 5 and not namespace):
        raise FleetInvalid(f"failed to parse '{text}': a part is empty")
    return Query(group, version, ObjectKey(group, kind, namespace, name), text)
