"""Formats the findings of `krt explain` as a table for people and as JSON, with the same content."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from krt.cli.columns import columns
from krt.cluster.workloads.survey import Survey
from krt.core.announce.event import Event
from krt.core.caller.admission import rules_with
from krt.core.caller.policy import Rule, admits
from krt.core.restart.explain import Expectation, Finding, WorkerView
from krt.settings.lookup import Lookup
from krt.settings.table import settings_of

Answers = Sequence[tuple[Event, Sequence[Finding]]]


def lines(found: Survey, view: WorkerView, answers: Answers) -> Iterator[str]:
    """The lines for people."""
    yield f"cluster: {found.url}"
    if not view.has_policy:
        yield _how_to_ask()
    yield from found.unseen
    for event, findings in answers:
        yield ""
        yield f"{event.image}:{event.tags[0]} {_summary(findings)}"
        if refused := view.refusal(event):
            yield refused
        yield from _rules(event, view)
        yield from columns(("RESTART", "KIND", "NAMESPACE", "NAME", "IMAGE", "WHY"), map(_row, findings))


def document(found: Survey, view: WorkerView, answers: Answers) -> dict[str, Any]:
    """The JSON document for programs."""
    return {
        "cluster": found.url,
        "policy_asked": view.has_policy,
        "unseen": list(found.unseen),
        "events": [
            {
                "image": event.image,
                "tag": event.tags[0],
                "refused": view.refusal(event),
                "rules": list(_rules(event, view)),
                "workloads": [_entry(finding) for finding in findings],
            }
            for event, findings in answers
        ],
    }


def _how_to_ask() -> str:
    rows = settings_of(Lookup)
    both = f"{rows['policy']} and {rows['images']}"
    return f"no policy is checked: give {both} as the worker has them; if it has only one of the two, give that one"


def _summary(findings: Sequence[Finding]) -> str:
    restarts = sum(finding.answer is Expectation.YES for finding in findings)
    failing = sum(finding.is_failing for finding in findings)
    ends = f", of which {failing} would end as failed" if failing else ""
    return f"would restart {restarts} workload{'' if restarts == 1 else 's'}{ends}"


def _rules(event: Event, view: WorkerView) -> Iterator[str]:
    for rule in rules_with(view.policy or (), event):
        yield f"rule {rule.number} ({rule.who}): {_verdict(rule, event)}"


def _verdict(rule: Rule, event: Event) -> str:
    if admits((rule,), event):
        return "admits it"
    return f"refuses by tags: {', '.join(event.tags)}, not {' or '.join(map(str, rule.tags))}"


def _row(finding: Finding) -> Iterable[str]:
    key = finding.workload.key
    return (finding.answer, key.kind, key.namespace, key.name, ", ".join(finding.images), "; ".join(finding.why))


def _entry(finding: Finding) -> dict[str, Any]:
    key = finding.workload.key
    return {
        "restart": finding.answer,
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "images": list(finding.images),
        "why": list(finding.why),
        "would_fail": finding.is_failing,
    }
