"""Who may announce what. A request passes if one rule holds entirely; without a rule that holds, it is refused.

There are no regular expressions: a pattern is exact, or ends in a star, and never crosses a separator unseen.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from krt.core.event import Event
from krt.core.identity import Identity
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


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[allow]]`. None and empty mean: not asked for."""

    who: Who
    images: tuple[ImagePattern, ...]
    events: tuple[str, ...] = EVENTS


def rules_for(rules: Iterable[Rule], identity: Identity) -> tuple[Rule, ...]:
    """The rules whose `who` names the caller. None of them: the caller is unknown."""
    return tuple(rule for rule in rules if names(rule.who, identity))


def names(who: Who, identity: Identity) -> bool:
    """Whether the caller is meant. Ids decide where they are written; names only where no id is."""
    return _same(who.owner, who.owner_id, identity.repository_owner, identity.repository_owner_id) and (
        who.repository is None or _same(who.repository, who.repository_id, _name(identity), identity.repository_id)
    )


def check(rules: Iterable[Rule], identity: Identity, event: Event) -> None:
    """Return if one of the caller's rules holds entirely; else raise NotAllowed with the field that got furthest."""
    furthest = 0
    for rule in rules:
        failed = next((i for i, (_, holds) in enumerate(_CHECKS) if not holds(rule, identity, event)), None)
        if failed is None:
            return
        furthest = max(furthest, failed)
    raise NotAllowed(_CHECKS[furthest][0])


def admits_image(patterns: Iterable[ImagePattern], repository: Repository) -> bool:
    """Whether some caller could announce this image: the worker, which knows no caller, asks this."""
    return any(_matches(pattern, repository, None) for pattern in patterns)


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
    return identity.event_name in rule.events


def _allows_image(rule: Rule, identity: Identity, event: Event) -> bool:
    return any(_matches(pattern, event.repository, _name(identity).lower()) for pattern in rule.images)


def _matches(pattern: ImagePattern, repository: Repository, repo: str | None) -> bool:
    wanted, given = pattern.components, tuple(repository.split("/"))
    if wanted[-1] == "**" and len(given) >= len(wanted):
        wanted, given = wanted[:-1], given[: len(wanted) - 1]
    return len(wanted) == len(given) and all(_component(w, g, repo) for w, g in zip(wanted, given, strict=True))


def _component(wanted: str, given: str, repo: str | None) -> bool:
    if wanted == "*":
        return True
    if wanted == "{repo}":  # the worker does not know the caller: any one component
        return repo is None or (is_component(repo) and given == repo)
    return wanted == given


# In the order in which a refusal names its field (docs/security.md).
_CHECKS = (("events", _allows_event), ("images", _allows_image))
