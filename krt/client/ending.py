"""Decides how `krt notify --wait` ends: exit code, sentence, and the reasons for them. Pure."""

from dataclasses import dataclass

from krt.client import exits, wording
from krt.client.outcome import Followed, Lost, Unfinished
from krt.client.report import ReceivedReport
from krt.core.announce.event import Event
from krt.core.report.report import EventState
from krt.core.report.report_document import ListedTarget
from krt.core.report.target import TargetState
from krt.core.restart.matching import GOING, SkipReason

MOST_ANNOTATIONS = 9  # GitHub shows ten errors and ten warnings of a step; the sentence is one of them
# These reasons hold at every event until a person changes something. Warnings about them would hide the others.
_CHOSEN = frozenset(SkipReason) - GOING
NO_WORKER = "no cluster has reported: no krt worker reads the channel of this krt web"


@dataclass(frozen=True, slots=True)
class Ending:
    """The result of a wait. `reasons` explain a failure. `warnings` are facts that a person should look at.

    `is_empty`: a success in which nothing was restarted. Then the sentence is a warning, too.
    """

    code: int
    sentence: str
    report: ReceivedReport | None = None
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_empty: bool = False


def of(outcome: Followed | Lost | Unfinished, event: Event, *, allow_no_match: bool) -> Ending:
    """The ending for `outcome`. With `allow_no_match`, the command succeeds even if no workload runs the image."""
    match outcome:
        case Lost(sentence=sentence):
            return Ending(exits.FAILED, f"accepted, but its rollout cannot be followed: {sentence}")
        case Unfinished():
            return _unfinished(outcome)
        case Followed(report=report) if report.state == EventState.NO_MATCH:
            return _no_match(report, event, allow=allow_no_match)
        case Followed(report=report):
            return _followed(report)


def _followed(report: ReceivedReport) -> Ending:
    counts = wording.counts(report)
    match report.state:
        case EventState.READY:
            return Ending(exits.DONE, f"the rollout is ready: {counts}", report, warnings=_warnings(report))
        case EventState.DONE:
            return Ending(exits.DONE, f"the dry-run is done: {counts}", report, warnings=_warnings(report))
        case EventState.FAILED:
            return _failure(f"the rollout failed: {counts}", report, _failures(report))
        case EventState.EXPIRED:
            return _failure(f"the event expired: {counts}", report, _unsettled(report))
        case state if report.is_final:  # a state that only a newer krt web knows
            return _failure(f"the event ended as {state}: {counts}", report, _unsettled(report))
        case _:
            silent = ", ".join(cluster.name for cluster in report.absent)
            forget = "the operator of krt can drop a retired cluster (`krt cluster forget`)"
            return _failure(
                f"no krt worker of {silent} is there any more: {counts}; {forget}", report, _unsettled(report)
            )


def _no_match(report: ReceivedReport, event: Event, *, allow: bool) -> Ending:
    sentence = f"nothing was restarted: no workload runs {event.image} with tag {' or '.join(event.tags)}"
    if report.targets:
        sentence = (
            f"nothing was restarted for {event.image} with tag {' or '.join(event.tags)}: {wording.counts(report)}"
        )
    why = tuple(wording.target(target) for target in report.targets) + _clusters_with_reason(report)
    if allow:
        return Ending(exits.DONE, sentence, report, warnings=_at_most(_left(report) + why), is_empty=True)
    return _failure(sentence, report, why)


def _unfinished(outcome: Unfinished) -> Ending:
    report, late = outcome.report, f"not finished within {outcome.seconds:g} s"
    problem = f"; {outcome.problem}" if outcome.problem else ""
    if report is None:
        return Ending(exits.FAILED, f"accepted, but {late}, and its report could not be read{problem}")
    return _failure(f"{late}: event {report.state}, {wording.counts(report)}{problem}", report, _unsettled(report))


def _failure(sentence: str, report: ReceivedReport, reasons: tuple[str, ...]) -> Ending:
    warnings = tuple(warning for warning in _warnings(report) if warning not in reasons)
    return Ending(exits.FAILED, sentence, report, _at_most(reasons), warnings)


def _failures(report: ReceivedReport) -> tuple[str, ...]:
    failed = tuple(wording.target(target) for target in report.targets if target.state == TargetState.FAILED)
    return failed + _clusters_with_reason(report)


def _unsettled(report: ReceivedReport) -> tuple[str, ...]:
    """The failures, the clusters that have not settled, and the unfinished targets."""
    if not report.clusters:
        return (NO_WORKER,)
    silent = tuple(wording.cluster(cluster) for cluster in report.clusters if not cluster.is_settled)
    return _failures(report) + silent + tuple(wording.target(target) for target in report.open_targets)


def _clusters_with_reason(report: ReceivedReport) -> tuple[str, ...]:
    return tuple(wording.cluster(cluster) for cluster in report.clusters if cluster.is_settled and cluster.reason)


def _warnings(report: ReceivedReport) -> tuple[str, ...]:
    return _at_most(_left(report) + tuple(wording.target(target) for target in report.targets if _is_notable(target)))


def _left(report: ReceivedReport) -> tuple[str, ...]:
    """The clusters that have left, in which nothing was restarted. They are listed first, also after a success."""
    return tuple(wording.cluster(cluster) for cluster in report.clusters if cluster.has_left)


def _is_notable(target: ListedTarget) -> bool:
    """Whether a person should look at a target that did not fail, for its warnings or an unchosen reason to skip it."""
    if target.state == TargetState.SKIPPED and target.reason:
        return bool(target.warnings) or target.reason not in _CHOSEN
    return bool(target.warnings) and target.state != TargetState.FAILED


def _at_most(lines: tuple[str, ...]) -> tuple[str, ...]:
    if len(lines) <= MOST_ANNOTATIONS:
        return lines
    left = len(lines) - (MOST_ANNOTATIONS - 1)
    return (*lines[: MOST_ANNOTATIONS - 1], f"and {left} more")
