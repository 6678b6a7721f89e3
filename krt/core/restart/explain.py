"""The effect that an event would have in a cluster, for `krt explain`: a finding for each workload it concerns. Pure.

A workload is also reported, as a near miss, if its image has the same last path component in another registry or path.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from krt.core.announce.event import Event
from krt.core.announce.image import Repository, split_tag
from krt.core.caller.admission import Refusal, refusal
from krt.core.caller.patterns import ImagePattern
from krt.core.caller.policy import Rule
from krt.core.kube.workload import Container, Workload
from krt.core.restart.matching import FAILING, Match, Skip, judge


class Expectation(StrEnum):
    """Whether a workload would be restarted."""

    YES = "yes"
    NO = "no"
    NEARLY = "nearly"  # no, but its image has the same last path component, in another registry or path


@dataclass(frozen=True, slots=True)
class WorkerView:
    """The settings of the worker in question. If `namespaces` is empty, it sees all namespaces.

    If both `policy` and `images` are None, the worker's policy is not known, so no event is refused here. (A worker
    that has neither does not start.)
    """

    namespaces: tuple[str, ...]
    kinds: tuple[str, ...]
    require_opt_in: bool
    policy: tuple[Rule, ...] | None = None
    images: tuple[ImagePattern, ...] | None = None

    @property
    def has_policy(self) -> bool:
        """Whether the worker's policy is known."""
        return self.policy is not None or self.images is not None

    def refusal(self, event: Event) -> Refusal | None:
        """Why the worker refuses the event; None if it admits the event, or if its policy is not known."""
        return refusal(event, self.policy, self.images) if self.has_policy else None


@dataclass(frozen=True, slots=True)
class Finding:
    """One workload: whether it would be restarted, its images that concern the event, all reasons and warnings."""

    workload: Workload
    answer: Expectation
    images: tuple[str, ...]
    why: tuple[str, ...]

    @property
    def is_failing(self) -> bool:
        """Whether the workload would be restarted, and its rollout would fail unless somebody intervenes."""
        return self.answer is Expectation.YES and not FAILING.isdisjoint(self.why)


def explain(event: Event, workloads: Iterable[Workload], view: WorkerView) -> tuple[Finding, ...]:
    """A finding for each workload that the event concerns, sorted: those that would be restarted come first."""
    looked_at = (_look(event, workload, view) for workload in workloads)
    refused = view.refusal(event)
    found = (_refused(finding, refused) if refused else finding for finding in looked_at if finding)
    order = list(Expectation)
    return tuple(sorted(found, key=lambda f: (order.index(f.answer), f.workload.key)))


def _look(event: Event, workload: Workload, view: WorkerView) -> Finding | None:
    outside = tuple(_outside(workload, view))
    images = tuple(c.image for c in workload.containers if c.reference and c.reference.repository == event.repository)
    match judge(event, workload, require_opt_in=view.require_opt_in):
        case Match(_, warnings):
            return Finding(workload, Expectation.NO if outside else Expectation.YES, images, (*outside, *warnings))
        case Skip(_, reason):
            return Finding(workload, Expectation.NO, images, (reason, *outside))
        case None:
            return _near_miss(event, workload)


def _refused(finding: Finding, refused: Refusal) -> Finding:
    return replace(finding, answer=Expectation.NO, why=(refused, *finding.why))


def _outside(workload: Workload, view: WorkerView) -> Iterable[str]:
    if workload.key.namespace and view.namespaces and workload.key.namespace not in view.namespaces:
        yield "namespace outside of KRT_NAMESPACES"
    if workload.key.kind not in view.kinds:
        yield "kind not among KRT_KINDS"


def _near_miss(event: Event, workload: Workload) -> Finding | None:
    near = [container for container in workload.containers if _last_name(container) == _last(event.repository)]
    if not near:
        return None
    unreadable = any(container.reference is None for container in near)
    why = "not an image reference: its pods get InvalidImageName" if unreadable else "another registry or path"
    return Finding(workload, Expectation.NEARLY, tuple(container.image for container in near), (why,))


def _last_name(container: Container) -> str:
    if container.reference:
        return _last(container.reference.repository)
    name, _ = split_tag(container.image.partition("@")[0])
    return _last(name.lower())


def _last(name: Repository | str) -> str:
    return name.rpartition("/")[2]
