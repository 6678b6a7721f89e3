"""Who may announce which image. An event is admitted if every field of at least one rule holds, and refused otherwise.

docs/policy.md explains each field of a rule, and the limits of its protection.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from krt.core.announce.event import Event
from krt.core.announce.image import Repository
from krt.core.caller.identity import Identity
from krt.core.caller.patterns import ImagePattern, TextPattern, WorkflowPattern
from krt.core.caller.who import Who, names
from krt.errors import NotAllowed

# The default of a rule: only people with write access to the repository can cause these events of GitHub.
EVENTS = ("push", "workflow_dispatch", "release", "schedule")


_MOST_NUMBERS = 10  # numbers of rules that one warning lists
_BRANCHES = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[allow]]` of a policy. A field that is None, () or False always holds.

    `number` is the rule's position in the file, from 1. `runner` is "github-hosted" or "self-hosted".
    """

    who: Who
    images: tuple[ImagePattern, ...]
    events: tuple[str, ...] = EVENTS
    ref: tuple[TextPattern, ...] = ()
    environment: str | None = None
    workflow: WorkflowPattern | None = None
    runner: str | None = None
    protected: bool = False
    tags: tuple[TextPattern, ...] = ()
    number: int = 1


def rules_for(rules: Iterable[Rule], identity: Identity) -> tuple[Rule, ...]:
    """The rules whose `who` names the caller. If there is none, krt web does not know the caller (401)."""
    return tuple(rule for rule in rules if names(rule.who, identity))


def check(rules: Iterable[Rule], identity: Identity, event: Event) -> Rule:
    """The first of the caller's rules that holds entirely.

    Raises NotAllowed with the field at which the rule failed that came furthest in the order of FIELDS.
    """
    furthest = 0
    for rule in rules:
        at_fault = field_at_fault(rule, identity, event)
        if at_fault is None:
            return rule
        furthest = max(furthest, FIELDS.index(at_fault))
    raise NotAllowed(FIELDS[furthest])


def field_at_fault(rule: Rule, identity: Identity, event: Event) -> str | None:
    """The first field of the rule that does not hold, or None. `identity` has to be one that the rule's `who` names."""
    return next((field for field, holds in _CHECKS.items() if not holds(rule, identity, event)), None)


def admits(rules: Iterable[Rule], event: Event) -> bool:
    """Whether some caller could announce this event. For the worker, which does not know the caller."""
    return any(admits_image(rule.images, event.repository) and _tags_hold(rule, event) for rule in rules)


def admits_image(patterns: Iterable[ImagePattern], repository: Repository) -> bool:
    """Whether some caller could announce this image."""
    return any(pattern.matches(repository, None) for pattern in patterns)


def leaves_branches_open(rule: Rule) -> bool:
    """Whether the rule admits everybody who may push any branch, protected or not, to a repository that `who` names.

    A `workflow` without a pin does not keep branches out: the pushed branch brings its own file. `schedule` alone does,
    for it runs on the default branch. If the rule names one repository, a `ref` that matches all branches counts as
    intended.
    """
    pinned = rule.environment is not None or (rule.workflow is not None and rule.workflow.ref is not None)
    refs_open = not rule.ref or (
        rule.who.repository is None
        and any(pattern.open_ended and _BRANCHES.startswith(pattern.literal) for pattern in rule.ref)
    )
    return refs_open and not (rule.protected or pinned or {*rule.events} <= {"schedule"})


def any_branch(rule: Rule) -> str:
    """The warning about a rule that leaves branches open."""
    whose = "any repository of the owner" if rule.who.repository is None else "the repository"
    return f"any branch of {whose} may announce, protected or not: give the rule a ref and protected = true"


def branch_warnings(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The warnings about all rules that leave branches open: a sentence for each warning, with the rules' numbers."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        if leaves_branches_open(rule):
            found.setdefault(any_branch(rule), []).append(str(rule.number))
    return tuple(
        f"rule {', '.join(numbers[:_MOST_NUMBERS])}{', …' * (len(numbers) > _MOST_NUMBERS)}: {sentence}"
        for sentence, numbers in found.items()
    )


def _event_holds(rule: Rule, identity: Identity, _: Event) -> bool:
    return identity.event_name in rule.events


def _ref_holds(rule: Rule, identity: Identity, _: Event) -> bool:
    return not rule.ref or any(pattern.matches(identity.ref) for pattern in rule.ref)


def _environment_holds(rule: Rule, identity: Identity, _: Event) -> bool:
    if rule.environment is None:
        return True
    return identity.environment is not None and _lower(rule.environment) == _lower(identity.environment)


def _workflow_holds(rule: Rule, identity: Identity, _: Event) -> bool:
    if rule.workflow is None:
        return True
    at = (identity.ref, identity.sha)
    return rule.workflow.matches(identity.job_workflow_ref or "", repository=identity.repository, at=at)


def _runner_holds(rule: Rule, identity: Identity, _: Event) -> bool:
    return rule.runner is None or rule.runner == identity.runner_environment


def _protected_holds(rule: Rule, identity: Identity, _: Event) -> bool:
    return not rule.protected or identity.ref_protected == "true"


def _images_hold(rule: Rule, identity: Identity, event: Event) -> bool:
    return any(pattern.matches(event.repository, identity.repository_name.lower()) for pattern in rule.images)


def _all_tags_hold(rule: Rule, _: Identity, event: Event) -> bool:
    return _tags_hold(rule, event)


def _tags_hold(rule: Rule, event: Event) -> bool:
    return not rule.tags or all(any(pattern.matches(tag) for pattern in rule.tags) for tag in event.tags)


def _lower(text: str) -> bytes:
    return text.encode().lower()  # bytes.lower() changes ASCII letters only: no other letter becomes an ASCII one


_CHECKS: dict[str, Callable[[Rule, Identity, Event], bool]] = {
    "events": _event_holds,
    "ref": _ref_holds,
    "environment": _environment_holds,
    "workflow": _workflow_holds,
    "runner": _runner_holds,
    "protected": _protected_holds,
    "images": _images_hold,
    "tags": _all_tags_hold,
}
FIELDS = tuple(_CHECKS)  # in the order in which a rule's fields are checked
