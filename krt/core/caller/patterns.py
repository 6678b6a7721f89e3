"""The patterns of a policy: exact, or with a star at the end. No regular expressions for users to get wrong."""

import re
from dataclasses import dataclass

from krt.core.announce.image import Repository, below, complete, is_component, is_tag

REPO = "{repo}"  # in an image pattern: the verified name of the caller's repository, in lower case

# What people write in other tools' patterns is refused, also where a file or a ref could be called so: taken literally,
# it would never match. git itself allows no ref with ? * [ \ ^ ~ or a colon (git-check-ref-format).
_WORKFLOW = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+/\.github/workflows/[^/\s*?{}]+\.ya?ml")
_REF = re.compile(r"refs/[^\x00-\x20\x7f*?\[\\^~:{}]+")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ImagePattern:
    """`components` of a canonical repository; `*` is any one, a last `**` one or more, `{repo}` the caller's name."""

    components: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(self.components)

    @property
    def is_registry(self) -> bool:
        """Whether it names no more than a registry, and so everybody's images where everybody may have some."""
        return len(self.components) == 2 and self.components[-1] in {"*", "**"}

    def matches(self, repository: Repository, repo: str | None) -> bool:
        """Whether the image is meant; `repo` is the caller's name, None any one."""
        wanted, given = self.components, tuple(repository.split("/"))
        if wanted[-1] == "**" and len(given) >= len(wanted):
            wanted, given = wanted[:-1], given[: len(wanted) - 1]
        return len(wanted) == len(given) and all(_component(w, g, repo) for w, g in zip(wanted, given, strict=True))


@dataclass(frozen=True, slots=True)
class TextPattern:
    """A ref or a tag: `literal` itself, or with `open_ended` whatever begins with it."""

    literal: str
    open_ended: bool = False

    def __str__(self) -> str:
        return f"{self.literal}*" if self.open_ended else self.literal

    def matches(self, text: str) -> bool:
        """Whether the text is meant, in its own case."""
        return text.startswith(self.literal) if self.open_ended else text == self.literal


@dataclass(frozen=True, slots=True)
class WorkflowPattern:
    """A workflow file `OWNER/REPO/PATH`; `ref` pins it, None: the caller's own, at the run's ref or commit.

    Owner and repository are compared as GitHub does it, without case; path and ref with it, as git does it.
    """

    path: str
    ref: str | None

    def __str__(self) -> str:
        return self.path if self.ref is None else f"{self.path}@{self.ref}"

    def matches(self, job_workflow_ref: str, *, repository: str, at: tuple[str, ...]) -> bool:
        """Whether the claim is meant, for a run of `repository` at one of these refs and commits."""
        path, ref = split_workflow(job_workflow_ref)
        its_repository, its_file = _repository_and_file(path)
        if not ref or (its_repository, its_file) != _repository_and_file(self.path):
            return False
        # Unpinned, the run's ref says which version of the file ran only where both are of one repository.
        return ref in at and its_repository == repository.lower() if self.ref is None else ref == self.ref


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


def parse_image_pattern(text: str) -> ImagePattern:
    """`X`, `X/*` (one component below) or `X/**` (any number), X with `{repo}` or not. Raises ValueError."""
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
    for place, part in enumerate(reversed(written), start=1):  # from the end: what was completed stands in front
        if part == REPO:
            known[-place] = REPO
    return ImagePattern((*known, *tail))


def parse_ref_pattern(text: str) -> TextPattern:
    """A git ref in full, or what refs begin with and a star. Raises ValueError."""
    pattern = _text_pattern(text)
    if not _REF.fullmatch(pattern.literal):
        raise ValueError(
            "write refs in full, such as refs/heads/main, or their beginning and a star: refs/tags/v*; "
            "nothing else stands for anything in a ref"
        )
    return pattern


def parse_tag_pattern(text: str) -> TextPattern:
    """An image tag, or what tags begin with and a star. Raises ValueError."""
    pattern = _text_pattern(text)
    if not is_tag(pattern.literal):
        raise ValueError("write tags such as dev, or their beginning and a star: pr-*")
    return pattern


def parse_workflow_pattern(text: str) -> WorkflowPattern:
    """`OWNER/REPO/.github/workflows/FILE.yml`, or that `@REF` or `@COMMIT`. Raises ValueError."""
    path, ref = split_workflow(text)
    if not _WORKFLOW.fullmatch(path):
        raise ValueError(
            "write the file as acme/shop/.github/workflows/release.yml, pinned with @refs/heads/main; "
            "neither a star nor {repo} has a meaning in it"
        )
    if ref is not None and not _REF.fullmatch(ref) and not _COMMIT.fullmatch(ref):
        raise ValueError("what follows @ is a ref in full, such as refs/heads/main, or a commit")
    return WorkflowPattern(path, ref)


def split_workflow(text: str) -> tuple[str, str | None]:
    """Path and ref of a `job_workflow_ref`: refs may hold an @ and paths, too, so that the last file ending counts."""
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
    if wanted == REPO:  # the worker does not know the caller: any one component
        return repo is None or (is_component(repo) and given == repo)
    return wanted == given
