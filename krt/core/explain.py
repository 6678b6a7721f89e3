"""What an event would do to a cluster, and why not more: every workload that runs its image, or nearly does. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from krt.core.event import Event
from krt.core.image import Repository, split_tag
from krt.core.matching import Match, Skip, judge
from krt.core.workload import Container, Workload


class Answer(StrEnum):
    """Whether a workload would be restarted."""

    YES = "yes"
    NO = "no"
    NEARLY = "nearly"  # it runs an image of the same last name from somewhere else


@dataclass(frozen=True, slots=True)
class View:
    """What the worker that is asked about sees. Without `namespaces`: all of them."""

    namespaces: tuple[str, ...]
    kinds: tuple[str, ...]
    require_opt_in: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One workload: the answer, the images it is about, and every reason or warning there is."""

    workload: Workload
    answer: Answer
    images: tuple[str, ...]
    why: tuple[str, ...]


def explain(event: Event, workloads: Iterable[Workload], view: View) -> tuple[Finding, ...]:
    """A finding for each workload that has to do with the event: first those that would be restarted."""
    found = (_look(event, workload, view) for workload in workloads)
    order = list(Answer)
    return tuple(sorted((f for f in found if f), key=lambda f: (order.index(f.answer), f.workload.key)))


def _look(event: Event, workload: Workload, view: View) -> Finding | None:
    outside = tuple(_outside(workload, view))
    images = tuple(c.image for c in workload.containers if c.reference and c.reference.repository == event.repository)
    match judge(event, workload, require_opt_in=view.require_opt_in):
        case Match(_, warnings):
            return Finding(workload, Answer.NO if outside else Answer.YES, images, (*outside, *warnings))
        case Skip(_, reason):
            return Finding(workload, Answer.NO, images, (reason, *outside))
        case None:
            return _near_miss(event, workload)


def _outside(workload: Workload, view: View) -> Iterable[str]:
    if view.namespaces and workload.key.namespace not in view.namespaces:
        yield "namespace outside of KRT_NAMESPACES"
    if workload.key.kind not in view.kinds:
        yield "kind not among KRT_KINDS"


def _near_miss(event: Event, workload: Workload) -> Finding | None:
    near = [container for container in workload.containers if _last_name(container) == _last(event.repository)]
    if not near:
        return None
    unreadable = any(container.reference is None for container in near)
    why = "no image reference: its pods get InvalidImageName" if unreadable else "another registry or path"
    return Finding(workload, Answer.NEARLY, tuple(container.image for container in near), (why,))


def _last_name(container: Container) -> str:
    if container.reference:
        return _last(container.reference.repository)
    name, _ = split_tag(container.image.partition("@")[0])
    return _last(name.lower())


def _last(name: Repository | str) -> str:
    return name.rpartition("/")[2]
