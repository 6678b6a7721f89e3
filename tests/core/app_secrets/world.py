"""A Namespace with one linked Deployment, in which decisions are carried out as the controller does it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from krt.core.app_secrets.app import read_app
from krt.core.app_secrets.copy_body import changed_copy, new_copy, noted_copy
from krt.core.app_secrets.decide import decide
from krt.core.app_secrets.decision import CopyDecision, Deliver, Detach, LinkState
from krt.core.app_secrets.deployment import read_deployment
from krt.core.app_secrets.entries import Entries
from krt.core.app_secrets.judge import Judgement, Linked, SeenNamespace, judge
from krt.core.app_secrets.names import MODE
from krt.core.app_secrets.secrets import read_copy, read_source
from tests.core.app_secrets.documents import KEY, app, data, deployment, source
from tests.core.app_secrets.patched import patched

ENTRIES = Entries("checkout", "web")


@dataclass
class World:
    """`environment` is that of the Namespace's label; `rollouts` counts changes of the pod template."""

    environment: str = "staging"
    app: dict[str, Any] = field(default_factory=app)
    sources: list[dict[str, Any]] = field(default_factory=lambda: [source()])
    deployment: dict[str, Any] | None = field(default_factory=deployment)
    copy: dict[str, Any] | None = None
    now: datetime = datetime(2026, 11, 29, 20, 0, tzinfo=UTC)
    key: bytes = KEY
    rollouts: int = 0
    writes: int = 0
    _versions: Any = field(default_factory=lambda: count(100))

    def values(self, **values: str) -> None:
        self.sources[0]["data"] = data(**values)

    def annotate(self, **texts: str) -> None:
        """Of the source: redeliver="t-1"."""
        self.sources[0]["metadata"]["annotations"] |= {f"krt/{name}": text for name, text in texts.items()}

    def mode(self, text: str | None) -> None:
        assert self.deployment is not None
        self.deployment["metadata"]["annotations"] = {} if text is None else {MODE: text}

    def linked(self) -> Linked:
        return Linked(
            "web",
            read_deployment(self.deployment) if self.deployment else None,
            read_copy(self.copy, self.key) if self.copy else None,
        )

    def judgement(self) -> Judgement:
        found = [each for body in self.sources if (each := read_source(body, self.key))]
        return judge(read_app(self.app), self.environment, [SeenNamespace("shop")], found, [self.linked()])

    def decide(self) -> CopyDecision:
        return decide(read_app(self.app), self.environment, self.judgement(), self.linked(), self.now)

    def step(self, writes: int = 9) -> CopyDecision:
        """Decide, and carry out that many writes of the decision."""
        decision = self.decide()
        steps = []
        if isinstance(decision, Deliver):
            steps = [lambda: self._write_copy(decision), lambda: self._patch(decision.operations)]
            steps = steps if decision.has_values else steps[::-1]
        elif isinstance(decision, Detach):
            steps = [lambda: self._patch(decision.operations), lambda: self._delete(decision)]
        for each in steps[:writes]:
            each()
        return decision

    def settle(self) -> int:
        """Until nothing is to be done; returns how many rollouts that made."""
        before = self.rollouts
        for _ in range(10):
            if not isinstance(self.step(), Deliver | Detach):
                return self.rollouts - before
            self.now += timedelta(seconds=1)
        raise AssertionError(f"it does not settle: {self.decide()}")

    @property
    def state(self) -> LinkState:
        decision = self.decide()
        assert not isinstance(decision, Deliver | Detach), decision
        return decision.state

    @property
    def template(self) -> dict[str, Any]:
        assert self.deployment is not None
        found: dict[str, Any] = self.deployment["spec"]["template"]
        return found

    @property
    def effect(self) -> tuple[str, str]:
        """Strategy and reload of the copy."""
        found = self.linked().copy
        assert found is not None
        return found.effect.strategy, found.effect.reload

    def _write_copy(self, decision: Deliver) -> None:
        values = self.sources[0]["data"] if decision.has_values else {}
        if decision.copy is None:
            assert self.copy is None
            self.copy = new_copy(decision, values) | {}
            self.copy["metadata"] |= {"uid": f"u-{next(self._versions)}"}
        else:
            assert self.copy is not None
            write = (
                changed_copy(decision, decision.copy, values)
                if decision.has_values
                else noted_copy(decision, decision.copy)
            )
            self.copy = patched(self.copy, write)
        self.copy["metadata"]["resourceVersion"] = str(next(self._versions))
        self.writes += 1

    def _patch(self, operations: Any) -> None:
        if operations and self.deployment is not None:
            before = self.template
            self.deployment = patched(self.deployment, operations)
            self.deployment["metadata"]["resourceVersion"] = str(next(self._versions))
            self.rollouts += before != self.template
            self.writes += 1

    def _delete(self, decision: Detach) -> None:
        if decision.copy is not None:
            self.copy = None
            self.writes += 1

    def switch(self, **spec: Any) -> None:
        """Of the App: strategy="volume", mountPath="/secrets", or reload="manual" for every environment."""
        if reload := spec.pop("reload", ""):
            for each in self.app["spec"]["environments"].values():
                each["reload"] = reload
        self.app["spec"] |= spec


def settled(**more: Any) -> World:
    """Everything delivered."""
    world = World(**more)
    world.settle()
    return replace(world, rollouts=0, writes=0)
