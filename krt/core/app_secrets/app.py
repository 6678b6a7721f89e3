"""An App as the API server sends it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from krt.core.kube.fields import field_at, mapping_at, number_at, text_at


class Strategy(StrEnum):
    """How containers get the values: as environment variables, or as files."""

    ENV = "env"
    VOLUME = "volume"


class Reload(StrEnum):
    """What a changed value does: AUTO makes new pods at once, MANUAL leaves that to people."""

    AUTO = "auto"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of an App: the names of the linked Deployments, and what a changed value does to them."""

    name: str
    deployments: tuple[str, ...]
    reload: Reload


@dataclass(frozen=True, slots=True)
class SecretsApp:
    """One App. `mount_path` is "" unless the strategy is VOLUME; `status` is the whole status as written last."""

    name: str
    uid: str
    version: str
    generation: int
    strategy: Strategy
    mount_path: str
    environments: Mapping[str, Environment]
    is_terminating: bool
    status: Mapping[str, object] = field(repr=False)


def read_app(body: Mapping[str, object]) -> SecretsApp:
    """The App of a body.

    The CRD refuses a wrong value. If one is there all the same, it counts as the choice that restarts nothing: reload
    MANUAL, strategy ENV.
    """
    strategy = Strategy.VOLUME if text_at(body, "spec", "strategy") == Strategy.VOLUME else Strategy.ENV
    return SecretsApp(
        name=text_at(body, "metadata", "name"),
        uid=text_at(body, "metadata", "uid"),
        version=text_at(body, "metadata", "resourceVersion"),
        generation=number_at(body, "metadata", "generation") or 0,
        strategy=strategy,
        mount_path=text_at(body, "spec", "mountPath") if strategy is Strategy.VOLUME else "",
        environments={each.name: each for each in _environments(body)},
        is_terminating=bool(text_at(body, "metadata", "deletionTimestamp")),
        status=mapping_at(body, "status"),
    )


def _environments(body: Mapping[str, object]) -> list[Environment]:
    found = mapping_at(body, "spec", "environments")
    return [_environment(name, found[name]) for name in sorted(found)]


def _environment(name: str, body: object) -> Environment:
    found = field_at(body, "deployments")
    names = (each for each in found if isinstance(each, str)) if isinstance(found, list) else ()
    reload = Reload.AUTO if text_at(body, "reload") == Reload.AUTO else Reload.MANUAL
    return Environment(name, tuple(dict.fromkeys(names)), reload)
