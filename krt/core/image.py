"""Image references as Kubernetes resolves them: parse, refuse, compare.

Nothing is repaired: a reference either has the canonical spelling of its parts or is refused. Only the short
forms that Docker defines are completed (`nginx` is `docker.io/library/nginx:latest`), because the kubelet does so.
"""

import re
from dataclasses import dataclass
from typing import NewType

# `host/path`, complete: what two spellings of one image share, and what policy and matching compare.
Repository = NewType("Repository", str)

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PORT = r":[1-9][0-9]{0,4}"
_HOST = re.compile(rf"(?:localhost|{_LABEL}(?:\.{_LABEL})+)(?:{_PORT})?|{_LABEL}{_PORT}")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-zA-Z=_-]{32,256}")
_MOST_CHARACTERS = 255  # of a name, by the distribution specification
_MOST_COMPONENTS = 8
_DOCKER_HUB = "docker.io"
_DOCKER_HUB_OF_OLD = "index.docker.io"  # another name of the same registry


@dataclass(frozen=True, slots=True)
class ImageReference:
    """`name` as written, without tag and digest. `tag` is None only where a digest stands without a tag."""

    name: str
    repository: Repository
    tag: str | None
    digest: str | None


def parse(text: str) -> ImageReference:
    """The reference that `text` writes. Raises ValueError with a sentence that repeats nothing of `text`.

    Grammar: the OCI distribution specification and distribution/reference, without upper-case hosts.
    """
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ValueError("what follows @ is not a digest")
    name, tag = split_tag(rest)
    if tag is not None and not is_tag(tag):
        raise ValueError("what follows the last colon is not a tag")
    if tag is None and not at:
        tag = "latest"
    return ImageReference(name=name, repository=complete(name), tag=tag, digest=digest or None)


def split_tag(text: str) -> tuple[str, str | None]:
    """Name and tag of `name[:tag]`; a colon before the last slash belongs to the host's port."""
    head, colon, tail = text.rpartition(":")
    if not colon or "/" in tail:
        return text, None
    return head, tail


def complete(name: str) -> Repository:
    """The repository that `name` (no tag, no digest) stands for. Raises ValueError with a sentence."""
    host, path = _host_and_path(name, alone=False)
    official = host == _DOCKER_HUB and len(path) == 1
    return Repository("/".join((host, "library", *path) if official else (host, *path)))


def below(name: str) -> tuple[str, ...]:
    """What the repositories of all images called `name/…` begin with: host and components. Raises ValueError.

    Not the repository of `name`: `docker.io/acme` is the image `docker.io/library/acme`, `docker.io/acme/shop` is not
    below that.
    """
    host, path = _host_and_path(name, alone=True)
    return (host, *path)


def is_tag(text: str) -> bool:
    """Whether `text` is a tag by the OCI distribution specification."""
    return _TAG.fullmatch(text) is not None


def is_component(text: str) -> bool:
    """Whether `text` may stand between two slashes of a repository's path."""
    return _COMPONENT.fullmatch(text) is not None


def _host_and_path(name: str, *, alone: bool) -> tuple[str, tuple[str, ...]]:
    # `alone`: a host may stand without a path; as an image, `ghcr.io` would be one of Docker Hub's.
    if len(name) > _MOST_CHARACTERS:
        raise ValueError(f"an image name has at most {_MOST_CHARACTERS} characters")
    first, slash, rest = name.partition("/")
    if _looks_like_host(first) and (slash or alone):
        return _host(first), _path(rest) if slash else ()
    return _DOCKER_HUB, _path(name)


def _looks_like_host(first: str) -> bool:
    # Docker's rule for telling `ghcr.io/x` from `library/x`; upper case means a host, for paths never have it.
    return "." in first or ":" in first or first == "localhost" or first != first.lower()


def _host(text: str) -> str:
    if text != text.lower():
        raise ValueError("a registry host is written in lower case")
    if not _HOST.fullmatch(text) or _port(text) > 65535:
        raise ValueError("the part before the first slash is not a registry host")
    return _DOCKER_HUB if text == _DOCKER_HUB_OF_OLD else text


def _port(host: str) -> int:
    _, colon, port = host.partition(":")
    return int(port) if colon else 0


def _path(text: str) -> tuple[str, ...]:
    components = tuple(text.split("/"))
    if len(components) > _MOST_COMPONENTS:
        raise ValueError(f"an image path has at most {_MOST_COMPONENTS} components")
    if not all(is_component(component) for component in components):
        raise ValueError(
            "an image path is lower-case letters and digits, parted by single '.', '_', '__' or '-', between slashes"
        )
    return components
