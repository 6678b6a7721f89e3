"""How it stands with an App, from its wishes and its status: one row for each linked Deployment. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from krt.core.app_secrets.app import Environment, SecretsApp, Strategy
from krt.core.app_secrets.decision import LinkState
from krt.core.kube.fields import conditions_of, items_at, number_at, text_at

UNSEEN = "krt controller has not looked at the newest version of this App yet"
_MOST_NAMES = 3  # of Deployments in one sentence: the table has all of them


@dataclass(frozen=True, slots=True)
class LinkSetting:
    """Strategy, mount path ("" without the strategy volume) and reload. Before the first delivery none is in effect."""

    strategy: str = ""
    mount_path: str = ""
    reload: str = ""


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One linked Deployment. `digest` and `delivered_at` are "" before the first delivery."""

    environment: str
    namespace: str
    deployment: str
    state: str
    message: str
    digest: str
    wanted: LinkSetting
    in_effect: LinkSetting
    mode: str
    delivered_at: str


def link_rows(app: SecretsApp) -> list[LinkRow]:
    """The rows in the order of the App. A Deployment that the status does not name yet is Waiting."""
    listed = {
        (text_at(each, "environment"), text_at(each, "deployment")): each
        for each in items_at(app.status, "deployments")
    }
    return [
        _row(app, environment, name, listed.get((environment.name, name), {}))
        for environment in app.environments.values()
        for name in environment.deployments
    ]


def problems_of(app: SecretsApp) -> Iterator[str]:
    """A sentence for each environment that is not delivered, and one if the status is that of an older App."""
    if (number_at(app.status, "observedGeneration") or 0) < app.generation:
        yield UNSEEN
    for each in items_at(app.status, "environments"):
        for condition in conditions_of({"status": each}).values():
            if condition.status != "True" and text_at(each, "name") in app.environments:
                yield f"{text_at(each, 'name')}: {condition.text}"


def messages_of(app: SecretsApp) -> Iterator[str]:
    """A sentence for each cause for which Deployments wait, without those that `problems_of` has said already."""
    problems = list(problems_of(app))
    waiting = dict[tuple[str, str], list[str]]()
    for row in link_rows(app):
        is_said = any(each.startswith(f"{row.environment}: ") and each.endswith(row.message) for each in problems)
        if row.message and not is_said:
            waiting.setdefault((row.environment, row.message), []).append(row.deployment)
    yield from (f"{environment}: {_named(names)}: {message}" for (environment, message), names in waiting.items())


def _named(names: list[str]) -> str:
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _row(app: SecretsApp, environment: Environment, name: str, listed: Mapping[str, object]) -> LinkRow:
    is_delivered = bool(text_at(listed, "digest"))
    in_effect = LinkSetting(text_at(listed, "strategy"), text_at(listed, "mountPath"), text_at(listed, "reload"))
    path = app.mount_path if app.strategy is Strategy.VOLUME else ""
    return LinkRow(
        environment=environment.name,
        namespace=text_at(listed, "namespace"),
        deployment=name,
        state=text_at(listed, "state") or LinkState.WAITING,
        message=text_at(listed, "message"),
        digest=text_at(listed, "digest"),
        wanted=LinkSetting(app.strategy, path, environment.reload),
        in_effect=in_effect if is_delivered else LinkSetting(),
        mode=text_at(listed, "mode"),
        delivered_at=text_at(listed, "deliveredAt"),
    )
