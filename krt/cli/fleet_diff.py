"""Prints how an object would change, as a diff of YAML. The data of Secrets and the bundle's secrets are masked."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from krt.cli.fleet_outcome import FleetOutcome
from krt.client.console import Console, plain
from krt.core.bundle.yaml_text import yaml_lines
from krt.core.fleet.masked import masked_object
from krt.core.kube.manifest import read_manifest
from krt.core.kube.object_key import ObjectKey
from krt.secret import STARS, Secret

_SECRET = ("", "Secret")
_NOT_SHOWN = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation")


class Difference:
    """Notes differences on the console, without the secrets of any cluster of the run."""

    def __init__(self, console: Console, outcome: FleetOutcome) -> None:
        self._console = console
        self._secrets = tuple({each: None for cluster in outcome.clusters for each in cluster.planned.secrets})

    def note(self, key: ObjectKey, live: Mapping[str, object] | None, applied: Mapping[str, object]) -> None:
        """Print the difference between the object as it is and as it would be."""
        for line in difference(key, live, applied, self._secrets):
            self._console.line(plain(line))


def difference(
    key: ObjectKey,
    live: Mapping[str, object] | None,
    applied: Mapping[str, object],
    secrets: Sequence[Secret] = (),
) -> list[str]:
    """The lines of a unified diff. A value of a Secret is *** and the words `before` or `after` if it changes."""
    old, new = _shown(live or {}), _shown(applied)
    if key[:2] == _SECRET:
        old, new = _masked(old, new, "before"), _masked(new, old, "after")
    elif secrets:
        old = dict(masked_object(read_manifest(old), secrets)) if live else old
        new = dict(masked_object(read_manifest(new), secrets))
    name = "/".join(filter(None, (key.kind, key.namespace, key.name)))
    before, after = (yaml_lines(old) if live else []), yaml_lines(new)
    return list(difflib.unified_diff(before, after, f"{name} (live)", f"{name} (applied)", lineterm=""))


def _shown(body: Mapping[str, object]) -> dict[str, Any]:
    metadata = body.get("metadata")
    named = metadata.items() if isinstance(metadata, Mapping) else ()
    kept = {name: value for name, value in named if name not in _NOT_SHOWN}
    return {**{name: value for name, value in body.items() if name != "status"}, "metadata": kept}


def _masked(body: dict[str, Any], other: Mapping[str, Any], word: str) -> dict[str, Any]:
    return body | {part: _stars(body[part], other.get(part), word) for part in ("data", "stringData") if part in body}


def _stars(values: Any, others: Any, word: str) -> dict[str, str]:
    others = others if isinstance(others, Mapping) else {}
    pairs = values.items() if isinstance(values, Mapping) else ()
    return {name: STARS if others.get(name) == value else f"{STARS} ({word})" for name, value in pairs}
