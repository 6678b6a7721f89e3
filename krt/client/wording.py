"""Writes the parts of a report as one line each. The lines quote text from outside; the caller must escape them."""

from collections import Counter

from krt.client.report import ReceivedReport
from krt.core.report.report_document import ListedCluster, ListedTarget
from krt.core.report.target import TargetState

_BY_ITSELF = "default"  # KRT_CLUSTER's default, which names need not show
_BESIDE = TargetState.SKIPPED  # listed last, as the least interesting state


def target(its: ListedTarget) -> str:
    """The workload, its state, its reason, the digest that was delivered, and its warnings."""
    return f"{workload(its)}: {'; '.join(part for part in (_state(its), digest(its), *warnings(its)) if part)}"


def workload(its: ListedTarget) -> str:
    """Kind, namespace (if it has one) and name; also the cluster, unless it is the default one."""
    where = "" if its.cluster in ("", _BY_ITSELF) else f" in cluster {its.cluster}"
    return f"{its.kind} {its.namespace}{'/' if its.namespace else ''}{its.name}{where}"


def cluster(its: ListedCluster) -> str:
    """The cluster, its state, its reason, and the number of workloads that are not listed."""
    since = f" since {its.seen_at}" if (its.is_absent or its.has_left) and its.seen_at else ""
    because = f": {its.reason}" if its.reason else ""
    more = f", {its.more} workloads more than are listed" if its.more else ""
    return f"cluster {its.name}: {its.state}{since}{because}{more}"


def pods(its: ListedTarget) -> str:
    """How many of the pods are updated and available. Empty if there is nothing to count."""
    if not its.updated and not its.desired:
        return ""
    return f"{its.updated or 0} of {its.desired or 0} updated, {its.available or 0} available"


def few_pods(its: ListedTarget) -> str:
    """The number of updated pods, for a narrow window. Empty if there is nothing to count."""
    return f"{its.updated or 0} of {its.desired or 0}" if pods(its) else ""


def digest(its: ListedTarget) -> str:
    """The digest of the bundle that was delivered. Empty if none was."""
    return f"digest {its.digest}" if its.digest else ""


def warnings(its: ListedTarget) -> tuple[str, ...]:
    """The warnings, each with "warning: " in front."""
    return tuple(f"warning: {text}" for text in its.warnings)


def counts(report: ReceivedReport) -> str:
    """The number of targets in each state."""
    by_state = Counter(its.state for its in report.targets)
    listed = [f"{by_state[state]} {state}" for state in sorted(by_state, key=lambda state: state == _BESIDE)]
    unlisted = sum(its.more or 0 for its in report.clusters)
    return ", ".join([*listed, *([f"{unlisted} more"] if unlisted else [])]) or "no workload yet"


def state(its: ListedTarget) -> str:
    """The state as a word for people. A delivery's object shows its change, such as `created`, instead of `ready`."""
    if its.state == TargetState.PLANNED:
        return f"would be {its.change}" if its.change else "would be restarted"
    return str(its.change) if its.state == TargetState.READY and its.change else its.state


def _state(its: ListedTarget) -> str:
    if its.state == TargetState.PROGRESSING and pods(its):
        return f"progressing, {pods(its)}{f': {its.reason}' if its.reason else ''}"
    if its.reason:
        return f"{state(its)}: {its.reason}"
    if its.state == TargetState.READY and its.seconds:
        return f"{state(its)} after {its.seconds:.1f} s"
    return state(its)
