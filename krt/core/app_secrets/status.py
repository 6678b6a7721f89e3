"""The status of an App: its environments, its Deployments, and how many of them are delivered. Pure.

It is also what the admission policy reads to attach a copy in the very write that makes a Deployment: so each entry
has everything that a new pod template needs. It names values by digests only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from krt.core.app_secrets.app import SecretsApp, Strategy
from krt.core.app_secrets.decide import planned
from krt.core.app_secrets.decision import CopyDecision, LinkState, NoChange
from krt.core.app_secrets.entries import Entries
from krt.core.app_secrets.judge import Judgement, Linked, Usability
from krt.core.kube.fields import items_at, text_at
from krt.core.kube.stated_conditions import StatedCondition, with_stated
from krt.core.reason import readable

DELIVERED = "Delivered"
_SETTLED = {LinkState.DELIVERED, LinkState.IGNORED, LinkState.DETACHED}
_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class SeenLink:
    """A linked name, and what was decided about it last; None if nothing was decided yet."""

    linked: Linked
    decision: CopyDecision | None = None
    problem: str = ""  # why the decision was not carried out

    @property
    def state(self) -> LinkState:
        """As the status says it. A delivery that is under way counts as not delivered."""
        if self.problem:
            return LinkState.REFUSED
        return self.decision.state if isinstance(self.decision, NoChange) else LinkState.WAITING

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing more to deliver, and nothing to complain of, such as an unknown mutation mode."""
        return self.state in _SETTLED and not (self.state is LinkState.IGNORED and self.message)

    @property
    def message(self) -> str:
        """A sentence, or ""."""
        return self.problem or (self.decision.message if isinstance(self.decision, NoChange) else "")


@dataclass(frozen=True, slots=True)
class SeenEnvironment:
    """An environment of the App, and its linked names in the order of the App."""

    name: str
    judgement: Judgement
    links: Sequence[SeenLink]


def status_of(app: SecretsApp, seen: Sequence[SeenEnvironment], now: datetime) -> dict[str, object]:
    """The whole status. Times in it stay as they are as long as nothing else changes."""
    links = [link for each in seen for link in each.links]
    delivered = sum(link.state is LinkState.DELIVERED for link in links)
    stated = [_condition(each) for each in seen]
    problems = [f"{each.name}: {found.message}" for each, found in zip(seen, stated, strict=True) if not found.holds]
    whole = StatedCondition(
        DELIVERED, not problems, Usability.INCOMPLETE if problems else Usability.DELIVERED, "; ".join(problems)
    )
    return {
        "observedGeneration": app.generation,
        "delivered": f"{delivered}/{len(links)}",
        "conditions": with_stated(app.status, [whole], app.generation, now),
        "environments": [_environment(app, each, found, now) for each, found in zip(seen, stated, strict=True)],
        "deployments": [_link(app, each, link) for each in seen for link in each.links],
    }


def _environment(app: SecretsApp, seen: SeenEnvironment, stated: StatedCondition, now: datetime) -> dict[str, object]:
    known = (each for each in items_at(app.status, "environments") if text_at(each, "name") == seen.name)
    source = seen.judgement.source
    return {
        "name": seen.name,
        "namespace": seen.judgement.namespace,
        "digest": source.digest if source else "",
        "conditions": with_stated(next(known, {}), [stated], app.generation, now),
    }


def _condition(seen: SeenEnvironment) -> StatedCondition:
    judgement = seen.judgement
    if judgement.source is None:
        return StatedCondition(DELIVERED, False, judgement.reason, judgement.message)  # noqa: FBT003
    open_links = [link for link in seen.links if not link.is_settled]
    if open_links:
        said = [f"{link.linked.name}: {link.message or 'is being delivered'}" for link in open_links[:_MOST_NAMES]]
        more = len(open_links) - len(said)
        message = "; ".join([*said, *([f"and {more} more"] if more else [])])
        is_busy = all(link.state is LinkState.WAITING for link in open_links)
        return StatedCondition(DELIVERED, False, Usability.DELIVERING if is_busy else Usability.INCOMPLETE, message)  # noqa: FBT003
    return StatedCondition(DELIVERED, True, Usability.DELIVERED, judgement.message)  # noqa: FBT003


def _link(app: SecretsApp, seen: SeenEnvironment, link: SeenLink) -> dict[str, object]:
    """One entry. Strategy and reload are those in effect, or those of the first delivery, if there was none."""
    linked, judgement = link.linked, seen.judgement
    own, source = linked.own_copy, judgement.source
    entries = Entries(app.name, linked.name)
    effect = own.effect if own else planned(app, seen.name, source.digest if source else "")
    mode = linked.deployment.mode if linked.deployment else None
    return {
        "environment": seen.name,
        "namespace": judgement.namespace,
        "deployment": linked.name,
        "attach": not linked.is_taken and (source is not None or (own is not None and judgement.keeps_attached)),
        "copy": entries.copy,
        "volume": entries.volume,
        "strategy": effect.strategy,
        "mountPath": effect.mount_path if effect.strategy is Strategy.VOLUME else "",
        "reload": effect.reload,
        "digest": own.effect.digest if own else "",
        "stamp": effect.stamp,
        "mode": mode or "",
        "state": link.state,
        "message": readable(link.message),
        "deliveredAt": own.delivered_at if own else "",
    }
