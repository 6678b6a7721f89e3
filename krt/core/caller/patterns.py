"""The patterns of a policy: exact texts, or texts with a star at the end, and `{repo}`; no regular expressions.

krt uses none of fnmatch, wcmatch and pathspec. The star of fnmatch crosses slashes, and in all of them `?`, brackets or
negations have a meaning, while a policy should refuse a pattern that its author may have meant differently. None of
them knows canonical image names or `{repo}`, so krt would have to rewrite patterns before each match.
"""

import re
from dataclasses import dataclass

from krt.core.announce.image import Repository, below, complete, is_component, is_tag

REPO = "{repo}"  # in an image pattern: the verified name of the caller's repository, in lower case

# Characters that are wildcards in other tools are refused, even in a file's name, where they are legal: the author may
# have meant wildcards. git allows no ref with ? * [ \ ^ ~ or a colon (git-check-ref-format).
_WORKFLOW = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+/\.github/workflows/[^/\s*?{}]+\.ya?ml")
_REF = re.compile(r"refs/[^\x00-\x20\x7f*?\[\\^~:{}]+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ImagePattern:
    """Images by the path components of their canonical repository.

    The component `*` matches any one component. `**` at the end matches one or more. `{repo}` matches the name of the
    caller's repository.
    """

    components: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(self.components)

    @property
    def is_registry(self) -> bool:
        """Whether the pattern names a registry alone: on a public registry, the images of everybody match."""
        return len(self.components) == 2 and self.components[-1] in {"*", "**"}

    def matches(self, repository: Repository, repo: str | None) -> bool:
        """Whether the pattern matches the image. `repo` is the value of `{repo}`; None matches any name."""
        wanted, given = self.components, tuple(repository.split("/"))
        if wanted[-1] == "**" and len(given) >= len(wanted):
            wanted, given = wanted[:-1], given[: len(wanted) - 1]
        return len(wanted) == len(given) and all(_component(w, g, repo) for w, g in zip(wanted, given, strict=True))


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A ref or a tag: exactly `literal`, or, if `open_ended`, every text that begins with it. Case counts."""

    literal: str
    open_ended: bool = False

    def __str__(self) -> str:
        return f"{self.literal}*" if self.open_ended else self.literal

    def matches(self, text: str) -> bool:
        """Whether the pattern matches the text."""
        return text.startswith(self.literal) if self.open_ended else text == self.literal


@dataclass(frozen=True, slots=True)
class WorkflowPattern:
    """A workflow file, `path` as OWNER/REPO/PATH, at one `ref`.

    If `ref` is None, the file has to be in the caller's own repository, at the run's ref or commit. Owner and
    repository are compared without case, as GitHub compares them; path and ref with case, as git does.
    """

    path: str
    ref: str | None

    def __str__(self) -> str:
        return self.path if self.ref is None else f"{self.path}@{self.ref}"

    def matches(self, job_workflow_ref: str, *, repository: str, at: tuple[str, ...]) -> bool:
        """Whether the pattern matches a run's claim `job_workflow_ref`.

        `repository` is that of the run, and `at` has the run's ref and commit.
        """
        path, ref = split_workflow(job_workflow_ref)
        its_repository, its_file = _repository_and_file(path)
        if not ref or (its_repository, its_file) != _repository_and_file(self.path):
            return False
        # Without a pin, the file has to be the run's own: in its repository, at its ref or commit.
        return ref in at and its_repository == repository.lower() if self.ref is None else ref == self.ref


def parse_prefix(prefix: str) -> tuple[ImagePattern, ...]:
    """The patterns for ALLOWED_IMAGE_PREFIX. Raises ValueError with a sentence.

    `P` admits the image P and every image below `P/`; `P/` admits only the images below.
    """
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


def parse_image_pattern(text: str) -> ImagePattern:
    """The pattern for `X`, `X/*` (one component below X) or `X/**` (one or more); a component of X may be `{repo}`.

    Raises ValueError with a sentence.
    """
    base, tail = _split_star(text)
    if "/" not in text or text.startswith(REPO):
        raise ValueError("name registry and path, such as ghcr.io/acme/shop; nginx is docker.io/library/nginx")
    if "*" in base:
        raise ValueError("a star stands only at the end: /* is one component below, /** everything below")
    written = base.split("/")
    if any(brace in part for part in written if part != REPO for brace in "{}"):
        raise ValueError("{repo} is the only placeholder, and stands for one whole component")
    plain = "/".join("repo" if part == REPO else part for part in written)
    known = [*below(plain)] if tail else complete(plain).split("/")
    for place, part in enumerate(reversed(written), start=1):  # from the end: completing a name adds parts in front
        if part == REPO:
            known[-place] = REPO
    return ImagePattern((*known, *tail))


def parse_ref_pattern(text: str) -> TextPattern:
    """The pattern for a full git ref, or for the beginning of refs before a star. Raises ValueError with a sentence."""
    pattern = _text_pattern(text)
    if not _REF.fullmatch(pattern.literal):
        raise ValueError(
            "write refs in full, such as refs/heads/main, or their beginning and a star: refs/tags/v*; "
            "nothing else stands for anything in a ref"
        )
    return pattern


def parse_tag_pattern(text: str) -> TextPattern:
    """The pattern for an image tag, or for the beginning of tags before a star. Raises ValueError with a sentence."""
    pattern = _text_pattern(text)
    if not is_tag(pattern.literal):
        raise ValueError("write tags such as dev, or their beginning and a star: pr-*")
    return pattern


def parse_workflow_pattern(text: str) -> WorkflowPattern:
    """The pattern for `OWNER/REPO/.github/workflows/FILE.yml`, pinned by `@REF` or `@COMMIT` or not pinned.

    Raises ValueError with a sentence.
    """
    path, ref = split_workflow(text)
    if not _WORKFLOW.fullmatch(path):
        raise ValueError(
            "write the file as acme/shop/.github/workflows/release.yml, pinned with @refs/heads/main; "
            "neither a star nor {repo} has a meaning in it"
        )
    if ref is not None and not _REF.fullmatch(ref) and not _COMMIT.fullmatch(ref):
        raise ValueError("write a ref in full after @, such as refs/heads/main, or a commit")
    return WorkflowPattern(path, ref)


def split_workflow(text: str) -> tuple[str, str | None]:
    """Path and ref of a `job_workflow_ref`; the ref is None if there is none.

    Both may hold an @, so the text is split after the last ending of a file's name.
    """
    ending = max(text.rfind(".yml@"), text.rfind(".yaml@"))
    if ending < 0:
        return text, None
    at = text.index("@", ending)
    return text[:at], text[at + 1 :]


def _repository_and_file(path: str) -> tuple[str, str]:
    owner, _, rest = path.partition("/")
    name, _, file = rest.partition("/")
    return f"{owner}/{name}".lower(), file


def _text_pattern(text: str) -> TextPattern:
    open_ended = text.endswith("*")
    return TextPattern(text[:-1] if open_ended else text, open_ended)


def _split_star(text: str) -> tuple[str, tuple[str, ...]]:
    base, slash, last = text.rpartition("/")
    return (base, (last,)) if slash and last in {"*", "**"} else (text, ())


def _component(wanted: str, given: str, repo: str | None) -> bool:
    if wanted == "*":
        return True
    if wanted == REPO:  # repo is None in the worker, which does not know the caller: any component matches
        return repo is None or (is_component(repo) and given == repo)
    return wanted == given
