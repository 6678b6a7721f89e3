"""The state of an event, concluded from the states of all groups of workers that the event waits for. Pure."""

from krt.core.report.presence import Seen, cluster_of, left_before, waited_for
from krt.core.report.report import FINAL, EventState, GroupState, Report
from krt.core.report.target import ROLLING, SUCCESS, TargetState

_EVENT_AGE_SECONDS = 3600.0  # KRT_MAX_EVENT_AGE of a group that has not written its own


def state_of(report: Report, seen: Seen) -> EventState:
    """The state of the event. Once krt web has answered a final state, that one stays."""
    return report.ended or _state_now(report, seen)


def counted(report: Report, seen: Seen) -> frozenset[str]:
    """The groups of workers that the event waits for. Reports of other groups are shown, but do not count."""
    return waited_for(report.accepted_at, seen, report.groups.keys(), lambda group: is_finished(report, group))


def left(report: Report, seen: Seen) -> frozenset[str]:
    """The groups that the document shows as left: their workers were stopped, and nothing happens until one is back.

    A group is not shown if the event waits for another group of the same cluster: then only the scope has changed.
    """
    there = {cluster_of(group) for group in counted(report, seen)}
    return frozenset(group for group in left_before(report.accepted_at, seen) if cluster_of(group) not in there)


def is_finished(report: Report, group: str) -> bool:
    """Whether the group's state and the states of all its workloads are final."""
    said = report.groups.get(group)
    return said is not None and said.final and all(target.final for target in report.targets_of([group]))


def is_absent(report: Report, seen: Seen, group: str) -> bool:
    """Whether the group is silent and has not finished the event."""
    return seen.is_silent(group) and not is_finished(report, group)


def is_over_for(report: Report, seen: Seen, group: str) -> bool:
    """Whether the event has ended for a group that was created after the event, so that the group need not act (C2).

    If the group has already begun the event, the group's own state decides. If no worker ever took the event up, the
    event has ended only if krt web has told a job so.
    """
    if own := report.groups.get(group):
        return own.final
    return bool(report.ended) or (bool(counted(report, seen)) and _state_now(report, seen) in FINAL)


def _state_now(report: Report, seen: Seen) -> EventState:
    groups = counted(report, seen)
    said = {report.groups[group].state for group in groups if group in report.groups and report.groups[group].final}
    targets = {target.state for target in report.targets_of(groups)}
    targets |= {TargetState.READY} if groups & report.done else set()
    if TargetState.FAILED in targets or GroupState.FAILED in said:
        return EventState.FAILED
    unfinished = [group for group in groups if not is_finished(report, group)]
    if unfinished or not groups:
        if all(_has_given_up(report, seen, group) for group in unfinished or [""]):
            return EventState.EXPIRED
        return EventState.ROLLING if targets & ROLLING else EventState.ACCEPTED
    if GroupState.EXPIRED in said:
        return EventState.EXPIRED
    if "dry_run" in report.event:
        return EventState.DONE
    return EventState.READY if targets & SUCCESS else EventState.NO_MATCH


def _has_given_up(report: Report, seen: Seen, group: str) -> bool:
    """Whether a group that is silent, or has not begun the event, would only settle the event as expired."""
    sighting = seen.groups.get(group)
    most_seconds = sighting.presence.max_event_age_seconds if sighting else _EVENT_AGE_SECONDS
    has_begun = group in report.groups and not seen.is_silent(group)
    return seen.now - report.accepted_at > most_seconds and not has_begun
