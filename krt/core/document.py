"""A report as the job, the log and the live page are shown it: one document, whoever asks. Pure."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from krt.core.conclusion import counted, is_absent, left, state_of
from krt.core.presence import Seen, cluster_of
from krt.core.report import MOST_TARGETS, Report
from krt.core.target import URGENCY, Target
from krt.core.workload import WorkloadKey

_LEFT = "its last worker was stopped before the event: nothing is restarted there until one is back"

_Place = tuple[str, WorkloadKey]  # the cluster's name, and the workload there


def document(report: Report, seen: Seen) -> dict[str, Any]:
    """The whole document, ready to be JSON."""
    event, waited = report.event, counted(report, seen)
    chosen = _chosen(report, waited)
    told = _told(chosen)
    return {
        "id": str(report.id),
        "state": state_of(report, seen),
        "image": event.get("image", ""),
        "tags": _tags(event.get("tags", "")),
        "accepted_at": _time(report.accepted_at),
        "by": {"repository": event.get("repository", ""), "run": event.get("run_url", "")},
        "clusters": _clusters(report, seen, waited, chosen, told),
        "targets": [_target(*place, target) for place, target in sorted(told.items())],
    }


def _chosen(report: Report, waited: frozenset[str]) -> dict[_Place, Target]:
    """One target for each workload of each cluster."""
    found: dict[_Place, tuple[tuple[bool, int], Target]] = {}
    for (group, key), target in report.targets.items():
        place, rank = (cluster_of(group), key), (group not in waited, URGENCY[target.state])
        if place not in found or rank < found[place][0]:
            found[place] = (rank, target)
    return {place: target for place, (_, target) in found.items()}


def _told(chosen: Mapping[_Place, Target]) -> dict[_Place, Target]:
    """At most MOST_TARGETS of them: those that failed and the unfinished ones come first."""
    if len(chosen) <= MOST_TARGETS:
        return dict(chosen)
    by_rank = sorted(chosen.items(), key=lambda item: (URGENCY[item[1].state], item[0]))
    return dict(by_rank[:MOST_TARGETS])


def _clusters(
    report: Report, seen: Seen, waited: frozenset[str], chosen: Mapping[_Place, Target], told: Mapping[_Place, Target]
) -> list[dict[str, Any]]:
    """Each cluster that is waited for, and those that had left before the event.

    `more` counts a cluster's workloads beyond those that are told one by one.
    """
    stored = Counter(group for group, _ in report.targets)
    left_out = Counter(cluster for cluster, _ in chosen.keys() - told.keys())
    found = []
    for name in sorted(waited):
        group = report.groups.get(name)
        folded = max(0, group.workloads - stored[name]) if group else 0
        more = folded + left_out.pop(cluster_of(name), 0)  # of two groups of a cluster, the first one tells
        found.append(_cluster(name, report, seen, more))
    return found + [_left(name, seen) for name in sorted(left(report, seen))]


def _left(name: str, seen: Seen) -> dict[str, Any]:
    return {"name": cluster_of(name), "state": "left", "reason": _LEFT, "seen_at": _time(seen.groups[name].last)}


def _cluster(name: str, report: Report, seen: Seen, count: int) -> dict[str, Any]:
    group, sighting = report.groups.get(name), seen.groups.get(name)
    state = "absent" if is_absent(report, seen, name) else group.state if group else "waiting"
    more = {"more": count} if count else {}
    reason = {"reason": group.reason} if group and group.reason else {}
    seen_at = {"seen_at": _time(sighting.last)} if sighting else {}
    return {"name": cluster_of(name), "state": state, **reason, **more, **seen_at}


def _target(cluster: str, key: WorkloadKey, target: Target) -> dict[str, Any]:
    return {
        "cluster": cluster,
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "state": target.state,
        "updated": target.updated,
        "available": target.available,
        "desired": target.desired,
        "seconds": target.seconds,
        "warnings": list(target.warnings),
        **({"reason": target.reason} if target.reason else {}),
    }


def _tags(text: str) -> list[str]:
    try:
        tags = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [str(tag) for tag in tags] if isinstance(tags, list) else []


def _time(seconds: float) -> str:
    try:
        told = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # no krt gave out such an id
        return ""
    return told.isoformat(timespec="milliseconds").replace("+00:00", "Z")
