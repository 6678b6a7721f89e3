"""Makes the document of a report: the job and the live page show the report by it. Pure."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec import UNSET

from krt.core.kube.object_key import ObjectKey
from krt.core.report.conclusion import counted, is_absent, left, state_of
from krt.core.report.presence import Seen, cluster_of
from krt.core.report.report import FINAL, MOST_TARGETS, Group, GroupState, Report
from krt.core.report.report_document import ABSENT, LEFT, Document, DocumentOrigin, ListedCluster, list_target
from krt.core.report.target import URGENCY, Target

_LEFT = "its last worker was stopped before the event: nothing is restarted there until one is back"

_Place = tuple[str, ObjectKey]  # the cluster's name, and the workload there
K = TypeVar("K", bound=tuple[Any, ...])


def document(report: Report, seen: Seen) -> Document:
    """The document of `report`. `seen` gives the time and the groups of workers."""
    event, state, waited = report.event, state_of(report, seen), counted(report, seen)
    chosen = _chosen(report, waited)
    listed = most_urgent(chosen)
    return Document(
        id=str(report.id),
        state=state,
        image=event.get("image", ""),
        tags=_tags(event.get("tags", "")),
        accepted_at=rfc3339(report.accepted_at),
        by=_origin(event),
        clusters=_clusters(report, seen, waited, chosen, listed),
        targets=tuple(list_target(*place, target) for place, target in sorted(listed.items())),
        final=state in FINAL,
        dry_run="dry_run" in event or UNSET,
    )


def _origin(event: Mapping[str, str]) -> DocumentOrigin:
    claims = {name: event.get(name) or UNSET for name in ("ref", "sha", "actor")}
    return DocumentOrigin(event.get("repository", ""), event.get("run_url", ""), **claims)


def _chosen(report: Report, waited: frozenset[str]) -> dict[_Place, Target]:
    """One target for each workload of each cluster.

    If two groups report the workload, the target of a group that the event waits for counts, then the more urgent one.
    """
    found: dict[_Place, tuple[tuple[bool, int], Target]] = {}
    for (group, key), target in report.targets.items():
        place, rank = (cluster_of(group), key), (group not in waited, URGENCY[target.state])
        if place not in found or rank < found[place][0]:
            found[place] = (rank, target)
    return {place: target for place, (_, target) in found.items()}


def most_urgent(chosen: Mapping[K, Target]) -> dict[K, Target]:
    """At most MOST_TARGETS of the targets. If there are more, failed and unfinished ones are taken first."""
    if len(chosen) <= MOST_TARGETS:
        return dict(chosen)
    by_rank = sorted(chosen.items(), key=lambda item: (URGENCY[item[1].state], item[0]))
    return dict(by_rank[:MOST_TARGETS])


def _clusters(
    report: Report, seen: Seen, waited: frozenset[str], chosen: Mapping[_Place, Target], listed: Mapping[_Place, Target]
) -> tuple[ListedCluster, ...]:
    """The clusters that the event waits for, and those that had left before the event.

    `more` of a cluster is the number of its workloads that the document does not list.
    """
    stored = Counter(group for group, _ in report.targets)
    left_out = Counter(cluster for cluster, _ in chosen.keys() - listed.keys())
    found = []
    for name in sorted(waited):
        group = report.groups.get(name)
        folded = max(0, group.workloads - stored[name]) if group else 0
        more = folded + left_out.pop(cluster_of(name), 0)  # if a cluster has two groups, the first gets the number
        found.append(_cluster(name, report, seen, more))
    return (*found, *(_left(name, seen) for name in sorted(left(report, seen))))


def _left(name: str, seen: Seen) -> ListedCluster:
    seen_at = rfc3339(seen.groups[name].last)
    return ListedCluster(cluster_of(name), LEFT, _LEFT, more=UNSET, seen_at=seen_at, final=False)


def _cluster(name: str, report: Report, seen: Seen, more: int) -> ListedCluster:
    group, sighting = report.groups.get(name) or Group(GroupState.WAITING), seen.groups.get(name)
    absent = is_absent(report, seen, name)
    return ListedCluster(
        cluster_of(name),
        state=ABSENT if absent else group.state,
        reason=group.reason or UNSET,
        more=more or UNSET,
        seen_at=rfc3339(sighting.last) if sighting else UNSET,
        final=group.final and not absent,
    )


def _tags(text: str) -> tuple[str, ...]:
    try:
        tags = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    # Somebody can write half a surrogate pair ("\\ud800") into Valkey, and UTF-8 has no form for it.
    return tuple(str(tag).encode(errors="replace").decode() for tag in tags) if isinstance(tags, list) else ()


def rfc3339(seconds: float) -> str:
    """The time, given in seconds since the epoch, in RFC 3339 with milliseconds; "" if it is not a date."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # an id that somebody wrote by hand may not be a date
        return ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
