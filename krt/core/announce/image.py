"""Parses, refuses and compares image references as Kubernetes resolves them.

An event and a policy must spell registry and path canonically. Any other spelling is refused and never repaired, except
`index.docker.io`. The image of a workload may have every spelling that the kubelet accepts, and is compared by the
canonical one. In all of them Docker's short forms are completed (`nginx` is `docker.io/library/nginx:latest`), because
the kubelet does so.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import NewType

# `host/path`, complete. All spellings of an image's name have the same Repository: policy and matching compare names by
# nothing else.
Repository = NewType("Repository", str)

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PORT = r":[1-9][0-9]{0,4}"
_IPV6 = r"\[[0-9a-f:]+\]"
_HOST = re.compile(rf"(?:localhost|{_LABEL}(?:\.{_LABEL})+|{_IPV6})(?:{_PORT})?|{_LABEL}{_PORT}")
_ANY_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"  # the kubelet pulls `my_registry.local/shop`, too
_ANY_HOST = re.compile(rf"({_ANY_LABEL}(?:\.{_ANY_LABEL})*|\[[0-9A-Fa-f:]+\])(?::([0-9]+))?")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z0-9]+(?:[+._-][A-Za-z0-9]+)*:[0-9a-zA-Z=_-]{32,256}")
# Of an event's whole image name (OCI distribution specification); of the host and of the path of a running image.
_MOST_CHARACTERS = 255
_DOCKER_HUB = "docker.io"
_DOCKER_HUB_OF_OLD = "index.docker.io"  # another name of the same registry
_TOO_LONG = f"an image name has at most {_MOST_CHARACTERS} characters"
_NO_HOST = "the part before the first slash is not a registry host"


@dataclass(frozen=True, slots=True)
class ImageReference:
    """`name` is as written, without tag and digest. `tag` is None only if the reference has a digest and no tag."""

    name: str
    repository: Repository
    tag: str | None
    digest: str | None


def parse(text: str) -> ImageReference:
    """The reference in a workload's field `image`. Raises ValueError with a sentence that quotes nothing of `text`.

    The grammar is that of github.com/distribution/reference, which the kubelet, containerd and CRI-O use. A pod with
    any other text gets InvalidImageName and never runs.
    """
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ValueError("the text after @ is not a digest")
    name, tag = split_tag(rest)
    if tag is not None and not is_tag(tag):
        raise ValueError("the text after the last colon is not a tag")
    if tag is None and not at:
        tag = "latest"
    return ImageReference(name=name, repository=_repository(name), tag=tag, digest=digest or None)


def split_tag(text: str) -> tuple[str, str | None]:
    """Name and tag of `name[:tag]`, unchecked. A colon before the last slash belongs to the host's port."""
    head, colon, tail = text.rpartition(":")
    if not colon or "/" in tail:
        return text, None
    return head, tail


def complete(name: str) -> Repository:
    """The canonical repository of `name`, which has neither tag nor digest. Raises ValueError with a sentence."""
    host, path = _host_and_path(name, alone=False)
    return _joined(host, path)


def below(name: str) -> tuple[str, ...]:
    """Host and path components with which the repositories of all images `name/…` begin. Raises ValueError.

    The repository of `name` itself would be wrong: the image `docker.io/acme` has `docker.io/library/acme`, and
    `docker.io/acme/shop` is not below that.
    """
    host, path = _host_and_path(name, alone=True)
    return (host, *path)


def is_tag(text: str) -> bool:
    """Whether `text` is a tag by the OCI distribution specification."""
    return _TAG.fullmatch(text) is not None


def is_component(text: str) -> bool:
    """Whether `text` may stand between two slashes of a repository's path."""
    return _COMPONENT.fullmatch(text) is not None


def _repository(name: str) -> Repository:
    """The canonical repository of a running image's name, in any spelling that the kubelet accepts."""
    first, slash, rest = name.partition("/")
    if not (slash and _looks_like_host(first)):
        return _joined(_DOCKER_HUB, _path(name))
    return _joined(_canonical(first), _path(rest))


def _joined(host: str, path: tuple[str, ...]) -> Repository:
    official = host == _DOCKER_HUB and len(path) == 1
    return Repository("/".join((host, "library", *path) if official else (host, *path)))


def _host_and_path(name: str, *, alone: bool) -> tuple[str, tuple[str, ...]]:
    # `alone`: a host without a path is allowed. Otherwise `ghcr.io` alone is an image of Docker Hub.
    if len(name) > _MOST_CHARACTERS:
        raise ValueError(_TOO_LONG)
    first, slash, rest = name.partition("/")
    if _looks_like_host(first) and (slash or alone):
        return _host(first), _path(rest) if slash else ()
    return _DOCKER_HUB, _path(name)


def _looks_like_host(first: str) -> bool:
    # Docker's rule to tell `ghcr.io/x` from `library/x`. Upper case means a host, because a path is in lower case.
    return "." in first or ":" in first or first == "localhost" or first != first.lower()


def _host(text: str) -> str:
    if text != text.lower():
        raise ValueError("a registry host is written in lower case")
    if not _HOST.fullmatch(text) or _port(text) > 65535:
        raise ValueError(_NO_HOST)
    if (canonical := _canonical(text)) != text and text != _DOCKER_HUB_OF_OLD:
        raise ValueError(f"a registry host is written in its canonical form, here {canonical}")
    return canonical


def _canonical(host: str) -> str:
    """One spelling for each registry: lower case, IPv6 as RFC 5952 writes it, a port without leading zeros."""
    found = _ANY_HOST.fullmatch(host) if len(host) <= _MOST_CHARACTERS else None
    if not found:
        raise ValueError(_NO_HOST)
    name, port = found[1].lower(), found[2]
    if name.startswith("["):
        name = f"[{_compressed(name[1:-1])}]"
    elif name == _DOCKER_HUB_OF_OLD and port is None:
        return _DOCKER_HUB
    return name if port is None else f"{name}:{port.lstrip('0') or '0'}"


def _compressed(address: str) -> str:
    try:
        return IPv6Address(address).compressed
    except ValueError:
        raise ValueError(_NO_HOST) from None


def _port(host: str) -> int:
    _, colon, port = host.rpartition("]")[2].partition(":")
    return int(port) if colon else 0


def _path(text: str) -> tuple[str, ...]:
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(_TOO_LONG)
    components = tuple(text.split("/"))
    if not all(is_component(component) for component in components):
        raise ValueError(
            "an image path is lower-case letters and digits, parted by single '.', '_', '__' or '-', between slashes"
        )
    return components
