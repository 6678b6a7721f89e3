"""Who may announce what. A request passes if one rule holds entirely; without a rule that holds, it is refused.

What the fields of a rule mean, and what they do not protect from, is written down in docs/policy.md.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from krt.core.event import Event
from krt.core.identity import Identity
<<<<<<< HEAD
from krt.core.image import Repository
from krt.core.patterns import ImagePattern, TextPattern, WorkflowPattern
from krt.core.who import Who, names
from krt.errors import NotAllowed

# Those that only people with write access cause.
EVENTS = ("push", "workflow_dispatch", "release", "schedule")
=======
from krt.core.image import Repository, below, complete, is_component
from krt.errors import NotAllowed

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # GitHub's are narrower; Forgejo has these
_ID = re.compile(r"[1-9][0-9]{0,19}")

EVENTS = (
    "push",
    "workflow_dispatch",
    "release",
    "schedule",
)  # those that only people with write access cause


@dataclass(frozen=True, slots=True)
class Who:
    """Callers by GitHub's immutable ids; names are for people. `repository` None: every one of the owner."""

    owner: str
    owner_id: str | None  # None: by name alone, which a rename lets another take over
    repository: str | None = None
    repository_id: str | None = None


@dataclass(frozen=True, slots=True)
class ImagePattern:
    """`components` of a canonical repository; `*` is any one, a last `**` one or more, `{repo}` the caller's name."""

    components: tuple[str, ...]
>>>>>>> main


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[allow]]`, the how manieth of its file. None and empty mean: not asked for."""

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
    """The rules whose `who` names the caller. None of them: the caller is unknown."""
    return tuple(rule for rule in rules if names(rule.who, identity))


<<<<<<< HEAD
def check(rules: Iterable[Rule], identity: Identity, event: Event) -> Rule:
    """The first of the caller's rules that holds entirely; else raises NotAllowed with the field that got furthest."""
=======
def names(who: Who, identity: Identity) -> bool:
    """Whether the caller is meant. Ids decide where they are written; names only where no id is."""
    return _same(who.owner, who.owner_id, identity.repository_owner, identity.repository_owner_id) and (
        who.repository is None or _same(who.repository, who.repository_id, _name(identity), identity.repository_id)
    )


def check(rules: Iterable[Rule], identity: Identity, event: Event) -> None:
    """Return if one of the caller's rules holds entirely; else raise NotAllowed with the field that got furthest."""
>>>>>>> main
    furthest = 0
    for rule in rules:
        at_fault = field_at_fault(rule, identity, event)
        if at_fault is None:
            return rule
        furthest = max(furthest, FIELDS.index(at_fault))
    raise NotAllowed(FIELDS[furthest])


def field_at_fault(rule: Rule, identity: Identity, event: Event) -> str | None:
    """The first field of the rule that does not hold for a caller whom its `who` names; None if all do."""
    return next((field for field, holds in _CHECKS.items() if not holds(rule, identity, event)), None)


def admits(rules: Iterable[Rule], event: Event) -> bool:
    """Whether some caller could announce this event: the worker, which knows no caller, asks this."""
    return any(admits_image(rule.images, event.repository) and _tags_hold(rule, event) for rule in rules)


def admits_image(patterns: Iterable[ImagePattern], repository: Repository) -> bool:
    """Whether some caller could announce this image."""
    return any(pattern.matches(repository, None) for pattern in patterns)


<<<<<<< HEAD
def _event_holds(rule: Rule, identity: Identity, _: Event) -> bool:
=======
def parse_owner(text: str) -> Who:
    """GITHUB_ALLOWED_ORG: `acme`, or `acme@65` with the immutable id. Raises ValueError with a sentence."""
    owner, at, number = text.partition("@")
    if not _OWNER.fullmatch(owner) or (at and not _ID.fullmatch(number)):
        raise ValueError("write a GitHub organisation or user, best with its id: acme@65")
    return Who(owner=owner, owner_id=number if at else None)


def parse_prefix(prefix: str) -> tuple[ImagePattern, ...]:
    """ALLOWED_IMAGE_PREFIX: `P` admits P and all below `P/`, `P/` only what is below. Raises ValueError."""
    name = prefix.removesuffix("/")
    if name.endswith(("-", "_", ".")):
        raise ValueError(
            "a prefix ends where a path component ends, not within one: write the organisation or the image in full, "
            "such as ghcr.io/acme/ for everything below it"
        )
    everything_below = ImagePattern((*below(name), "**"))
    if prefix.endswith("/"):
        return (everything_below,)
    if "/" not in name:
        raise ValueError("a prefix names registry and path, such as ghcr.io/acme; on Docker Hub write docker.io/acme/")
    return (ImagePattern(tuple(complete(name).split("/"))), everything_below)


def _same(name: str, number: str | None, claimed_name: str, claimed_number: str) -> bool:
    if number is not None:
        return number == claimed_number
    return name.lower() == claimed_name.lower()  # GitHub compares its names so; they are ASCII


def _name(identity: Identity) -> str:
    return identity.repository.partition("/")[2]


def _allows_event(rule: Rule, identity: Identity, _: Event) -> bool:
>>>>>>> main
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
    return text.encode().lower()  # of bytes: ASCII letters only, so that no other letter is folded into one


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
FIELDS = tuple(_CHECKS)  # in the order in which a rule is tried, and by which a refusal names its field
