"""A report as the job, the log and the live page are shown it: one document, whoever asks. Pure."""

import json
from datetime import UTC, datetime
from typing import Any

from krt.core.conclusion import counted, is_absent, state_of
from krt.core.presence import Seen, cluster_of
from krt.core.report import Report, Target, TargetState
from krt.core.workload import WorkloadKey

# Of one workload that two groups of a cluster see, the one that says more is shown: what is wrong, what is to come.
_TELLING = (
    TargetState.FAILED,
    TargetState.PROGRESSING,
    TargetState.WAITING,
    TargetState.READY,
    TargetState.RESTARTED,
    TargetState.SUPERSEDED,
    TargetState.WOULD_RESTART,
    TargetState.SKIPPED,
)


def document(report: Report, seen: Seen) -> dict[str, Any]:
    """The whole document, ready to be JSON."""
    event, waited = report.event, counted(report, seen)
    return {
        "id": str(report.id),
        "state": state_of(report, seen),
        "image": event.get("image", ""),
        "tags": _tags(event.get("tags", "")),
        "accepted_at": _time(report.accepted_at),
        "by": {"repository": event.get("repository", ""), "run": event.get("run_url", "")},
        "clusters": [_cluster(name, report, seen) for name in sorted(waited)],
        "targets": [_target(*place, target) for place, target in sorted(_chosen(report, waited).items())],
    }


def _chosen(report: Report, waited: frozenset[str]) -> dict[tuple[str, WorkloadKey], Target]:
    """One target for each workload of each cluster."""
    found: dict[tuple[str, WorkloadKey], tuple[tuple[bool, int], Target]] = {}
    for (group, key), target in report.targets.items():
        place, rank = (cluster_of(group), key), (group not in waited, _TELLING.index(target.state))
        if place not in found or rank < found[place][0]:
            found[place] = (rank, target)
    return {place: target for place, (_, target) in found.items()}


def _cluster(name: str, report: Report, seen: Seen) -> dict[str, Any]:
    group, sighting = report.groups.get(name), seen.groups.get(name)
    state = "absent" if is_absent(report, seen, name) else group.state if group else "waiting"
    more = {"more": group.more} if group and group.more else {}
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
