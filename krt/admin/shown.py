"""What of an event's report the live page shows, and which events somebody wants to see. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from krt.core.report import EventState, GroupState
from krt.core.target import URGENCY

Document = Mapping[str, Any]

MOST_FILTER_CHARACTERS = 200
_MOST_PARAMETERS = 10


@dataclass(frozen=True, slots=True)
class Filter:
    """All of the words, anywhere in the event; and its state, unless that is empty."""

    text: str = ""
    state: str = ""

    def admits(self, document: Document) -> bool:
        """Whether somebody who asks for this wants to see the event."""
        if self.state and self.state != document["state"]:
            return False
        words = self.text.casefold().split()
        return not words or all(word in searched for searched in [_searched(document)] for word in words)

    @property
    def query(self) -> str:
        """As it stands in an address, with its question mark; empty where everything is admitted."""
        given = {name: value for name, value in (("q", self.text), ("state", self.state)) if value}
        return f"?{urlencode(given)}" if given else ""


def parse_filter(query: bytes) -> Filter:
    """The filter that an address asks for; what is no filter asks for everything."""
    given = parse_query(query)
    state = given.get("state", "")
    return Filter(given.get("q", "").strip()[:MOST_FILTER_CHARACTERS], state if state in set(EventState) else "")


def parse_query(query: bytes) -> dict[str, str]:
    """The parameters of an address; none where they are too many to be anything of ours."""
    try:
        return dict(parse_qsl(query.decode("latin-1"), max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        return {}


def without_sightings(document: dict[str, Any]) -> Document:
    """The document but for when its clusters that are there were last seen: that changes all the time."""
    clusters = [c if c["state"] in {"absent", "left"} else {**c, "seen_at": ""} for c in document["clusters"]]
    return {**document, "clusters": clusters}


def shown(document: Document, *, most_targets: int) -> dict[str, Any]:
    """The document as its template takes it, with no more than so many targets."""
    targets = document["targets"]
    chosen = targets if len(targets) <= most_targets else _urgent(targets, most_targets)
    more = sum(cluster.get("more", 0) for cluster in document["clusters"])
    tally = Counter(target["state"] for target in targets)
    run = document["by"]["run"]
    return {
        **document,
        "targets": chosen,
        "hidden": len(targets) - len(chosen) + more,
        "tally": [(state, tally[state]) for state in URGENCY if tally[state]],
        "run": run if run.startswith(("https://", "http://")) else "",
        "several_clusters": len({target["cluster"] for target in targets} | _names(document)) > 1,
        "noteworthy": [{"reason": "", "seen_at": "", **c} for c in document["clusters"] if _is_noteworthy(c)],
    }


def _urgent(targets: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """The most urgent ones, in the order that they had."""
    ranked = sorted(range(len(targets)), key=lambda index: (URGENCY[targets[index]["state"]], index))
    return [targets[index] for index in sorted(ranked[:most])]


def _is_noteworthy(cluster: dict[str, Any]) -> bool:
    return cluster["state"] not in {GroupState.MATCHED, GroupState.SETTLED} or "reason" in cluster


def _names(document: Document) -> set[str]:
    return {cluster["name"] for cluster in document["clusters"]}


def _searched(document: Document) -> str:
    image, by = document["image"], document["by"]
    parts = [document["id"], image, *(f"{image}:{tag}" for tag in document["tags"]), by["repository"], by["run"]]
    for target in document["targets"]:
        parts += [f"{target['kind']} {target['namespace']}/{target['name']}", target["cluster"]]
    return "\n".join(parts).casefold()
