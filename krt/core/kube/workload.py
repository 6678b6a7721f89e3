"""What krt knows of a Deployment, StatefulSet or DaemonSet: the few fields that matching and restarting read."""

from dataclasses import dataclass
from functools import lru_cache

from krt.core.announce.image import ImageReference, Repository, parse
from krt.core.kube.object_key import ObjectKey

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"  # on the pod template, as `kubectl rollout restart` writes it
MARK = "krt/event"  # on the workload's own metadata: what its last restart covers
CAUSE = "krt/cause"  # on the workload's own metadata: who asked for it, for people
OPT = (
    "krt/restart"  # on the workload's own metadata, or its Namespace's: "disabled"; "enabled" where opt-in is asked for
)


@dataclass(frozen=True, slots=True)
class Container:
    """A container or init container of the pod template. `reference` is None where the image cannot be parsed."""

    name: str
    image: str
    reference: ImageReference | None
    pull_policy: str


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """What the workload's controller says of its pods. Absent numbers are 0; each kind uses some of them.

    `problems` are the conditions that say what is wrong, a sentence each. `unavailable` is the message of
    Available=False, which is no trouble while pods are replaced.
    """

    observed_generation: int = 0
    replicas: int = 0
    updated: int = 0
    current: int = 0  # StatefulSet: pods of the revision that was complete last
    available: int = 0
    scheduled: int = 0  # DaemonSet: how many nodes should run it
    misscheduled: int = 0  # DaemonSet: how many nodes run it and should not
    deadline_exceeded: str | None = None  # Deployment: the message of Progressing=False
    problems: tuple[str, ...] = ()
    unavailable: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload at one resource version. Absent annotations are None; times are as written, RFC 3339."""

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
    last_manager: str  # who wrote to it last and after krt, by the field manager's name; may be empty
    opt: str | None
    namespace_opt: str | None = None  # the same annotation of its Namespace, where krt may see that
    last_managed_at: str = ""  # when `last_manager` wrote to it
    deleted_at: str | None = None  # when its deletion began, if it has: finalizers or its own pods hold it
    namespace_deleted_at: str | None = None  # the same of its Namespace, where krt may see that
    first_ordinal: int = 0  # StatefulSet: the number of its first pod
    at_once: bool = False  # StatefulSet: more than one pod may be replaced at a time

    @property
    def repositories(self) -> frozenset[Repository]:
        """Every repository that some container runs an image of."""
        return frozenset(c.reference.repository for c in self.containers if c.reference)


@lru_cache(maxsize=8192)  # clusters run the same images many times over: one object for each spelling
def read_image(text: str) -> ImageReference | None:
    """The parsed form of a running image, or None: Kubernetes admits spellings that krt cannot compare."""
    try:
        return parse(text)
    except ValueError:
        return None
