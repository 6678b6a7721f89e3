"""Whether an environment of an App has exactly one Namespace and one usable source. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from krt.core.app_secrets.app import SecretsApp, Strategy
from krt.core.app_secrets.deployment import LinkedDeployment
from krt.core.app_secrets.names import ENVIRONMENT, SOURCE_OF
from krt.core.app_secrets.secrets import Copy, Source


class Usability(StrEnum):
    """The reason of the environment's condition Delivered."""

    DELIVERED = "Delivered"
    DELIVERING = "Delivering"
    INCOMPLETE = "Incomplete"
    NO_NAMESPACE = "NoNamespace"
    AMBIGUOUS = "Ambiguous"
    TERMINATING = "NamespaceTerminating"
    DENIED = "Denied"
    NO_SOURCE = "NoSource"
    SEVERAL_SOURCES = "SeveralSources"
    EMPTY_SOURCE = "EmptySource"
    OTHER_ENVIRONMENT = "OtherEnvironment"


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_NAMES = 5  # that a sentence lists

# Without a usable source krt still attaches again what it has delivered. In the other cases it touches nothing.
_KEEPS_ATTACHED = {Usability.NO_SOURCE, Usability.SEVERAL_SOURCES, Usability.EMPTY_SOURCE}


@dataclass(frozen=True, slots=True)
class SeenNamespace:
    """A Namespace that is labelled with an environment."""

    name: str
    is_terminating: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """What there is for a linked name: the Deployment and the copy. `others` are kinds that have an object of the name.

    `is_taken` is true if a Secret that is not krt's has the copy's name.
    """

    name: str
    deployment: LinkedDeployment | None = None
    copy: Copy | None = None
    others: tuple[str, ...] = ()
    is_taken: bool = False

    @property
    def own_copy(self) -> Copy | None:
        """The copy that belongs to this very Deployment, if it says what is in effect.

        Another Deployment, of the same name, may have been deleted: its copy says nothing about this one.
        """
        if self.deployment is None or self.copy is None or not self.copy.is_whole:
            return None
        return self.copy if self.copy.owner_uid == self.deployment.uid else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The Namespace ("" if not exactly one) and the source (None if none is usable); then `message` says why."""

    namespace: str
    reason: Usability
    message: str
    source: Source | None = None

    @property
    def keeps_attached(self) -> bool:
        """Whether an attachment that somebody removed comes back."""
        return self.source is not None or self.reason in _KEEPS_ATTACHED


def judge(
    app: SecretsApp,
    environment: str,
    namespaces: Sequence[SeenNamespace],
    sources: Sequence[Source],
    linked: Sequence[Linked],
) -> Judgement:
    """The judgement on an environment.

    `namespaces` are those labelled with the environment. `sources` and `linked` are those of the one Namespace, and
    only the sources that are labelled with the App.
    """
    if not namespaces:
        message = f"no Namespace has the label {ENVIRONMENT}={environment}: label the one that this environment is"
        return Judgement("", Usability.NO_NAMESPACE, message)
    if len(namespaces) > 1:
        names = ", ".join(sorted(each.name for each in namespaces)[:_MOST_NAMES])
        message = f"{len(namespaces)} Namespaces have the label {ENVIRONMENT}={environment} ({names}): leave it to one"
        return Judgement("", Usability.AMBIGUOUS, message)
    [namespace] = namespaces
    if namespace.is_terminating:
        return Judgement(namespace.name, Usability.TERMINATING, f"the Namespace {namespace.name} is being deleted")
    return _of_sources(app, environment, namespace.name, sources, linked)


def denied(namespace: str, problem: str) -> Judgement:
    """The judgement on an environment in whose Namespace krt may not do its work."""
    return Judgement(namespace, Usability.DENIED, problem)


def _of_sources(
    app: SecretsApp, environment: str, namespace: str, sources: Sequence[Source], linked: Sequence[Linked]
) -> Judgement:
    found = [each for each in sources if not each.is_terminating]
    if not found:
        message = f"no Secret in the Namespace {namespace} has the label {SOURCE_OF}={app.name}"
        return Judgement(namespace, Usability.NO_SOURCE, message)
    if len(found) > 1:
        names = ", ".join(sorted(each.name for each in found)[:_MOST_NAMES])
        message = f"{len(found)} Secrets have the label {SOURCE_OF}={app.name} ({names}): leave it to one"
        return Judgement(namespace, Usability.SEVERAL_SOURCES, message)
    [source] = found
    if not source.keys and not source.allows_empty:
        message = f"the Secret {source.name} has no keys, and the annotation krt/allow-empty is not true"
        return Judgement(namespace, Usability.EMPTY_SOURCE, message)
    if other := _other_environment(environment, source, linked):
        message = f"the copies in {namespace} are those of {other}: krt secrets redeliver --move"
        return Judgement(namespace, Usability.OTHER_ENVIRONMENT, message)
    return Judgement(namespace, Usability.DELIVERED, _odd_keys(app, source), source)


def _odd_keys(app: SecretsApp, source: Source) -> str:
    """A sentence if the strategy is ENV and shells cannot name some keys. They are delivered all the same.

    Kubernetes sets such variables, too (RelaxedEnvironmentVariableValidation, on by default from 1.32); before, it
    leaves out a name that begins with a digit.
    """
    odd = [each for each in source.keys if not _NAME.fullmatch(each)] if app.strategy is Strategy.ENV else []
    more = f" and {len(odd) - _MOST_NAMES} more" if len(odd) > _MOST_NAMES else ""
    return f"no shell can name these variables: {', '.join(odd[:_MOST_NAMES])}{more}" if odd else ""


def _other_environment(environment: str, source: Source, linked: Sequence[Linked]) -> str:
    """The environment whose values a linked Deployment has, unless they may move; "" if there is none.

    An ignored Deployment keeps its old values, so it says nothing about the Namespace.
    """
    for each in linked:
        is_normal = each.deployment is not None and each.deployment.mode is None
        copy = each.own_copy
        if copy is None or not is_normal or copy.environment == environment:
            continue
        if not _may_move(environment, source, copy):
            return copy.environment
    return ""


def _may_move(environment: str, source: Source, copy: Copy) -> bool:
    return source.move == environment and source.token not in {"", copy.token}
