"""Where the content of a bundle is: `spec.source` of a Bundle, as RukPak writes it. Pure.

Fields: operator-framework/rukpak v0.12, api/v1alpha1, BundleSource. The custom resource definition has most of these
rules, too. krt checks them again, because an object may be older than the definition.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from krt.core.kube.fields import field_at, items_at, text_at

SourceKind = Literal["image", "git", "http", "configMaps"]

_KINDS: tuple[SourceKind, ...] = ("image", "git", "http", "configMaps")
_REFS = ("branch", "tag", "commit")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ONE_OF = f"bundle.spec.source must have exactly one of {', '.join(_KINDS)} (oneOf)"
_DIRECTORY = 'bundle.spec.source.git.directory begins with "{}": directory must define path within the repository'


class SourceInvalid(ValueError):
    """`spec.source` names no content. The message is one sentence that names the field."""


@dataclass(frozen=True, slots=True)
class ImageSource:
    """An image in a registry. `pull_secret` names a Secret of the type kubernetes.io/dockerconfigjson; "" if none."""

    ref: str
    pull_secret: str = ""


@dataclass(frozen=True, slots=True)
class GitSource:
    """A folder of a git repository. Exactly one of `branch`, `tag` and `commit` is not ""; `directory` "" is the root.

    `secret` names a Secret of the type kubernetes.io/basic-auth or kubernetes.io/ssh-auth; "" if none.
    """

    repository: str
    branch: str = ""
    tag: str = ""
    commit: str = ""
    directory: str = ""
    secret: str = ""
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class HttpSource:
    """A `.tgz` behind a URL. `secret` names a Secret of the type kubernetes.io/basic-auth; "" if none."""

    url: str
    secret: str = ""
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class ConfigMapItem:
    """A ConfigMap whose keys are files in the folder `path`; "" is the bundle's root."""

    name: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class ConfigMapsSource:
    """Immutable ConfigMaps in the controller's namespace."""

    items: tuple[ConfigMapItem, ...]


BundleSource = ImageSource | GitSource | HttpSource | ConfigMapsSource


def read_source(source: object) -> BundleSource:
    """The source that a mapping `spec.source` names. Raises SourceInvalid."""
    given = tuple(kind for kind in _KINDS if field_at(source, kind) is not None)
    kind = text_at(source, "type")
    if kind not in _KINDS:
        raise SourceInvalid(f"bundle.spec.source.type must be one of {', '.join(_KINDS)}")
    if len(given) != 1:
        raise SourceInvalid(_ONE_OF)
    if given != (kind,):
        raise SourceInvalid(f'bundle.spec.source.{kind} must be set for source type "{kind}"')
    return _READERS[kind](source)


def _image(source: object) -> ImageSource:
    ref = _required(source, "image", "ref")
    return ImageSource(ref, text_at(source, "image", "pullSecret"))


def _git(source: object) -> GitSource:
    repository = _required(source, "git", "repository")
    refs = {name: text_at(source, "git", "ref", name) for name in _REFS}
    if sum(map(bool, refs.values())) != 1:
        raise SourceInvalid(f"bundle.spec.source.git.ref must have exactly one of {', '.join(_REFS)} (oneOf)")
    if refs["commit"] and not _COMMIT.fullmatch(refs["commit"]):
        raise SourceInvalid("bundle.spec.source.git.ref.commit must be 40 hexadecimal digits")
    secret, insecure = _access(source, "git")
    return GitSource(repository, **refs, directory=_directory(source), secret=secret, insecure_skip_verify=insecure)


def _directory(source: object) -> str:
    """The folder as a relative path without `.` and `..`; "" for the root. Raises SourceInvalid."""
    directory = text_at(source, "git", "directory")
    parts = [part for part in directory.split("/") if part not in {"", "."}]
    if directory.startswith("/") or ".." in parts:
        raise SourceInvalid(_DIRECTORY.format("/" if directory.startswith("/") else "../"))
    return "/".join(parts)


def _http(source: object) -> HttpSource:
    return HttpSource(_required(source, "http", "url"), *_access(source, "http"))


def _config_maps(source: object) -> ConfigMapsSource:
    items = tuple(
        ConfigMapItem(text_at(item, "configMap", "name"), text_at(item, "path"))
        for item in items_at(source, "configMaps")
    )
    if not items or not all(item.name for item in items):
        raise SourceInvalid("bundle.spec.source.configMaps must name at least one configMap, each by its name")
    return ConfigMapsSource(items)


def _access(source: object, kind: str) -> tuple[str, bool]:
    insecure = field_at(source, kind, "auth", "insecureSkipVerify") is True
    return text_at(source, kind, "auth", "secret", "name"), insecure


def _required(source: object, kind: str, field: str) -> str:
    if not (text := text_at(source, kind, field)):
        raise SourceInvalid(f"bundle.spec.source.{kind}.{field} must not be empty")
    return text


_READERS: Mapping[SourceKind, Callable[[object], BundleSource]] = {
    "image": _image,
    "git": _git,
    "http": _http,
    "configMaps": _config_maps,
}
