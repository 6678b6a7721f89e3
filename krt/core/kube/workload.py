"""An object that an event reaches, reduced to the few fields that matching and restarting read.

It is a Deployment, StatefulSet or DaemonSet, or a BundleDeployment, whose image is that of the bundle.
"""

from dataclasses import dataclass
from functools import lru_cache

from krt.core.announce.image import ImageReference, Repository, parse
from krt.core.kube.object_key import ObjectKey

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"  # on the pod template, as `kubectl rollout restart` writes it
MARK = "krt/event"  # on the workload's own metadata: the newest event that the last restart for an event covers
ANNOUNCED = "krt/announced"  # on a BundleDeployment's own metadata: the newest event that its controller is to act on
CAUSE = "krt/cause"  # on the workload's own metadata: the cause of the last restart by krt, for people
OPT = (
    "krt/restart"  # on the workload's own metadata or its Namespace's: "disabled", or "enabled" if krt requires opt-in
)


@dataclass(frozen=True, slots=True)
class Container:
    """A container or init container of the pod template. `reference` is None if `image` cannot be parsed."""

    name: str
    image: str
    reference: ImageReference | None
    pull_policy: str


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """The workload's status as its controller writes it. A number that the kind does not have is 0.

    `problems` has a sentence for each condition that reports a problem. `unavailable` is the message of the condition
    Available=False. This condition is normal while pods are replaced, so it is not a problem by itself.
    """

    observed_generation: int = 0
    replicas: int = 0
    updated: int = 0
    current: int = 0  # StatefulSet: pods of the latest revision that was complete
    available: int = 0
    scheduled: int = 0  # DaemonSet: how many nodes should run it
    misscheduled: int = 0  # DaemonSet: how many nodes run it and should not
    deadline_exceeded: str | None = None  # Deployment: the message of the condition ProgressDeadlineExceeded
    problems: tuple[str, ...] = ()
    unavailable: str = ""


@dataclass(frozen=True, slots=True)
class BundleStatus:
    """A BundleDeployment's status as its controller writes it, with regard to the newest announcement.

    `is_handled` is true if the delivery for this announcement has ended, `is_ready` if the objects are installed and
    healthy. `digest` is that of the installed image, "" if there is none. `problem` is the message of a condition that
    does not hold, or "".
    """

    is_handled: bool = False
    is_ready: bool = False
    digest: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload at one resource version. An absent annotation is None. Times are unparsed RFC 3339 texts.

    A BundleDeployment has a `bundle` instead of pods. Its `restarted_at` is the time of krt's last announcement.
    """

    key: ObjectKey
    uid: str
    resource_version: str
    generation: int
    created_at: str
    containers: tuple[Container, ...]
    replicas: int
    paused: bool
    on_delete: bool  # pods are replaced only when somebody deletes them
    partition: int  # StatefulSet: pods below this ordinal keep the old template
    status: RolloutStatus
    restarted_at: str | None
    mark: str | None
    last_manager: str  # field manager of the latest write that is later than krt's last one; "" if there is none
    opt: str | None
    namespace_opt: str | None = None  # the annotation `opt` of its Namespace; None if krt may not read Namespaces
    last_managed_at: str = ""  # when `last_manager` wrote
    deleted_at: str | None = None  # when its deletion began; finalizers or pods keep the object for a while
    namespace_deleted_at: str | None = None  # `deleted_at` of its Namespace; None if krt may not read Namespaces
    first_ordinal: int = 0  # StatefulSet: the number of its first pod
    at_once: bool = False  # StatefulSet: more than one pod may be replaced at a time
    bundle: BundleStatus | None = None
    is_foreign: bool = False  # BundleDeployment: of a class that another controller takes care of

    @property
    def repositories(self) -> frozenset[Repository]:
        """The repositories of all images that the containers run."""
        return frozenset(c.reference.repository for c in self.containers if c.reference)


@lru_cache(maxsize=8192)  # many workloads run the same image: each spelling is parsed and kept once
def read_image(text: str) -> ImageReference | None:
    """The reference that `text` spells, or None: Kubernetes stores texts that are not image references."""
    try:
        return parse(text)
    except ValueError:
        return None
