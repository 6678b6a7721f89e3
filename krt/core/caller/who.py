"""The callers that a rule names: by ids, which nobody can take over. Only GITHUB_ALLOWED_ORG may give a name alone."""

import re
from dataclasses import dataclass

from krt.core.caller.identity import Identity

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # as GitHub Enterprise Server allows; github.com allows less
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_ID = re.compile(r"[1-9][0-9]{0,19}")


@dataclass(frozen=True, slots=True)
class Who:
    """One repository; if `repository` is None, all repositories of the owner. GitHub never changes an id.

    A name is compared only if its id is None. If there is an id, the name is for people.
    """

    owner: str
    owner_id: str | None  # None if the owner is known by name alone, which somebody else can take after a rename
    repository: str | None = None
    repository_id: str | None = None

    def __str__(self) -> str:
        owner = _written(self.owner, self.owner_id)
        return f"{owner}/*" if self.repository is None else f"{owner}/{_written(self.repository, self.repository_id)}"


def names(who: Who, identity: Identity) -> bool:
    """Whether `who` names the caller: by each id that `who` has, and by name where it has no id."""
    return _same(who.owner, who.owner_id, identity.repository_owner, identity.repository_owner_id) and (
        who.repository is None
        or _same(who.repository, who.repository_id, identity.repository_name, identity.repository_id)
    )


def has_drifted(who: Who, identity: Identity) -> bool:
    """Whether the caller, whom `who` names by id, has been renamed at GitHub and not in the policy."""
    repository = identity.repository_name if who.repository is None else who.repository
    return (who.owner.lower(), repository.lower()) != (
        identity.repository_owner.lower(),
        identity.repository_name.lower(),
    )


def parse_owner(text: str) -> Who:
    """Parse GITHUB_ALLOWED_ORG: `acme`, or `acme@65` with the immutable id. Raises ValueError with a sentence."""
    owner, at, number = text.partition("@")
    if not _OWNER.fullmatch(owner) or (at and not _ID.fullmatch(number)):
        raise ValueError("write a GitHub organisation or user, best with its id: acme@65")
    return Who(owner=owner, owner_id=number if at else None)


def parse_who(text: str) -> Who:
    """Parse a rule's `who`: OWNER@OWNER_ID/REPO@REPO_ID or OWNER@OWNER_ID/*. Raises ValueError with a sentence."""
    owner_text, slash, repository_text = text.partition("/")
    owner, owner_id = _name_and_id(owner_text, _OWNER)
    if not slash:
        raise ValueError(f"say which repositories: {owner}@{owner_id}/* for all of them, or {owner}@{owner_id}/shop@74")
    if repository_text == "*":
        return Who(owner, owner_id)
    return Who(owner, owner_id, *_name_and_id(repository_text, _REPOSITORY))


def _name_and_id(text: str, form: re.Pattern[str]) -> tuple[str, str]:
    name, at, number = text.partition("@")
    if not form.fullmatch(name):
        raise ValueError("write acme@65/* or acme@65/shop@74: names, each with the id that GitHub gave it")
    if not at:
        raise ValueError(f"{name} has no id: somebody else can take over a name, but never an id (docs/policy.md)")
    if not _ID.fullmatch(number):
        raise ValueError(
            f"the id after {name}@ must be a number of up to 20 digits, without leading zeros (docs/policy.md)"
        )
    return name, number


def _written(name: str, number: str | None) -> str:
    return name if number is None else f"{name}@{number}"


def _same(name: str, number: str | None, claimed_name: str, claimed_number: str) -> bool:
    if number is not None:
        return number == claimed_number
    return name.lower() == claimed_name.lower()  # as GitHub compares names, which are ASCII
