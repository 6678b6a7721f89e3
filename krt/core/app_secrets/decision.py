"""The decisions about one linked Deployment. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from krt.core.app_secrets.app import SecretsApp
from krt.core.app_secrets.deployment import LinkedDeployment
from krt.core.app_secrets.entries import Entries
from krt.core.app_secrets.json_patch import Operation
from krt.core.app_secrets.secrets import Copy, Effect, Stamps


class LinkState(StrEnum):
    """How it stands with a Deployment, as the App's status says it."""

    DELIVERED = "Delivered"
    WAITING = "Waiting"  # nothing was delivered yet, and the environment has no usable source
    MISSING = "Missing"
    NOT_A_DEPLOYMENT = "NotADeployment"
    IGNORED = "Ignored"
    DETACHED = "Detached"
    REFUSED = "Refused"
    FIGHTING = "Fighting"


class DeliveryCause(StrEnum):
    """Why krt writes. All but the last two are deliveries, which take strategy and reload from the App."""

    FIRST = "FirstDelivery"
    CHANGED = "ValuesChanged"
    REDELIVERED = "Redelivered"
    MOVED = "EnvironmentMoved"
    RESTORED = "CopyRestored"  # somebody edited the copy
    ATTACHED = "AttachedAgain"  # somebody removed the attachment, or krt was stopped before it attached


@dataclass(frozen=True, slots=True)
class Note:
    """What a copy's annotations say."""

    environment: str
    effect: Effect
    token: str
    delivered_at: str
    stamps: Stamps


@dataclass(frozen=True, slots=True)
class NoChange:
    """Nothing is written. `message` is a sentence if there is something to say."""

    state: LinkState
    message: str = ""


@dataclass(frozen=True, slots=True)
class Deliver:
    """First the copy is written, then the Deployment is patched by `operations`, unless there are none.

    `copy` is the copy to change, None if it has to be created. If `has_values` is false, its annotations alone change,
    and the Deployment is patched first: the annotations count how often that was done.
    The API server refuses a patch if the object has changed meanwhile: read it and decide again. For the Deployment,
    `attach(body, entries, note.effect)` gives the operations anew, if its mutation mode and uid are the same.
    """

    app: SecretsApp
    deployment: LinkedDeployment
    copy: Copy | None
    cause: DeliveryCause
    note: Note
    operations: tuple[Operation, ...] = field(repr=False)

    @property
    def entries(self) -> Entries:
        """The names of copy, volume and stamp."""
        return Entries(self.app.name, self.deployment.name)

    @property
    def has_values(self) -> bool:
        """Whether the source's values are written, for which the source must be read."""
        return self.cause is not DeliveryCause.ATTACHED

    @property
    def makes_pods(self) -> bool:
        """Whether the Deployment's template changes, so that its pods are replaced."""
        return bool(self.operations)


@dataclass(frozen=True, slots=True)
class Detach:
    """First the Deployment is patched by `operations`, unless there are none, then the copy is deleted, if any."""

    deployment: LinkedDeployment
    copy: Copy | None
    operations: tuple[Operation, ...] = field(repr=False)


CopyDecision = NoChange | Deliver | Detach
