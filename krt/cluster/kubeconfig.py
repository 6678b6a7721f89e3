"""Reads kubeconfig files and merges them, both as kubectl does (client-go, tools/clientcmd). Everything here blocks.

docs/decisions/0004 says why krt does this itself.
Every field of the user and of the cluster in use is declared here. An undeclared field is refused by its name: if krt
ignored the field, krt's access could differ from kubectl's. Sentences quote names, and no other value of a field: it
may be a token or a key.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from krt.cluster import wrong_field
from krt.cluster.yaml_file import MOST_BYTES, YamlRefused, load_yaml
from krt.errors import KrtError
from krt.files import FileUnusable, read_file

T = TypeVar("T")
Text = Annotated[str, msgspec.Meta(max_length=1_000_000)]

_NAMED = {"clusters": "cluster", "users": "user", "contexts": "context"}


class Unusable(KrtError):
    """The configuration, or something that it names, cannot be used. The message is a clause that says why."""


class _Fields(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    pass


class Variable(msgspec.Struct, frozen=True):
    """One variable of a plugin's environment."""

    name: str
    value: str = ""


class Exec(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """`users[].user.exec`: a plugin, which is a program that prints credentials."""

    command: str = ""
    api_version: str = ""
    args: list[str] | None = None
    env: list[Variable] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class User(_Fields, frozen=True):
    """`users[].user`."""

    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    as_: str = msgspec.field(name="as", default="")
    as_uid: str = ""
    as_groups: list[str] | None = None
    as_user_extra: dict[str, list[str]] | None = None
    username: str = ""
    password: str = ""
    auth_provider: Any = None
    exec: Exec | None = None
    extensions: Any = None  # ignored: they have a meaning only for the program that wrote them


class ClusterEntry(_Fields, frozen=True):
    """`clusters[].cluster`."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[dict[str, Any]] | None = None


class _Context(msgspec.Struct):
    """`contexts[].context`, without its namespace: a setting names the namespaces for krt."""

    cluster: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """The cluster and the user of the context with this name, and the folders to which their paths are relative."""

    context: str
    cluster: ClusterEntry
    cluster_folder: Path
    user: User
    user_folder: Path


@dataclass(frozen=True, slots=True)
class _Entry:
    fields: Any
    folder: Path
    where: str


_NOBODY = _Entry(None, Path(), "")


def read_kubeconfig(path: Path, context_name: str = "") -> Kubeconfig:
    """Read one file, or several with `os.pathsep` between them. Raises Unusable.

    `context_name` is the context to use; for "" it is the current one.

    If two files have a cluster, user or context of the same name, that of the first file counts, as in kubectl. A
    context without a user means calls without credentials (for example through `kubectl proxy`), as in kubectl. A
    context whose user is missing is refused. kubectl calls without credentials then, but nobody wants that.
    """
    merged = _merged(_files(path))
    name = context_name or merged["current-context"].get("", _Entry("", Path(), "")).fields
    if not name:
        raise Unusable("no current-context is set in it")
    if context_name and context_name not in merged["contexts"]:
        raise Unusable(f"it has no context {context_name!r}")
    context, who = _fields(_Context, _named(merged, "contexts", name, "its current-context")), f"its context {name!r}"
    cluster = _named(merged, "clusters", context.cluster, who)
    user = _named(merged, "users", context.user, who) if context.user else _NOBODY
    return Kubeconfig(name, _fields(ClusterEntry, cluster), cluster.folder, _fields(User, user), user.folder)


def without_nulls(fields: Any, *, but: str = "") -> Any:
    """The fields without null ones, at any depth: in kubectl, null means not set. Extensions stay as they are.

    A field with the name `but` stays even if it is null. krt refuses a null token, because it comes from a template
    whose variable was not set.
    """
    if isinstance(fields, list):
        return [without_nulls(each, but=but) for each in fields]
    if not isinstance(fields, dict):
        return fields
    return {
        name: each if name == "extensions" else without_nulls(each, but=but)
        for name, each in fields.items()
        if each is not None or name == but
    }


def _files(path: Path) -> list[Path]:
    """The files to read. If several are named, missing ones are left out, as in kubectl."""
    names = [Path(name) for name in str(path).split(os.pathsep) if name]
    if path.exists() or len(names) < 2:
        return [path]
    found = [name for name in names if name.exists()]
    if not found:
        raise Unusable("none of these files exists")
    return found


def _merged(files: Iterable[Path]) -> Mapping[str, dict[str, _Entry]]:
    merged: dict[str, dict[str, _Entry]] = {part: {} for part in (*_NAMED, "current-context")}
    files = list(files)
    for file in files:
        document = _document(file, f"{file}: " if len(files) > 1 else "")
        for part, each in _NAMED.items():
            for name, entry in _entries(file, part, each, document.get(part)).items():
                merged[part].setdefault(name, entry)
        if current := document.get("current-context"):
            merged["current-context"].setdefault("", _Entry(current, file.parent, str(file)))
    return merged


def _document(file: Path, where: str) -> Mapping[str, Any]:
    try:
        document = load_yaml(read_file(file, most_bytes=MOST_BYTES))
    except FileUnusable as error:
        raise Unusable(str(error)) from error
    except YamlRefused as error:
        raise Unusable(f"{where}{error}") from error
    if document is None and not where:
        raise Unusable("the file is empty")
    if document is None:
        return {}  # one of several files may be empty
    if not isinstance(document, dict):
        raise Unusable(f"{where}it is not a kubeconfig, but a YAML {_kind(document)}")
    return document


def _entries(file: Path, part: str, each: str, listed: Any) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    if not isinstance(listed or [], list):
        raise Unusable(f"{file}: its {part} are not a list")
    for entry in listed or ():
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise Unusable(f"{file}: one of its {part} has no name")
        if name in entries:
            raise Unusable(f"{file}: two of its {part} have the name {name!r}")
        entries[name] = _Entry(entry.get(each), file.absolute().parent, f"{file}: its {each} {name!r}")
    return entries


def _named(merged: Mapping[str, Mapping[str, _Entry]], part: str, name: object, who: str) -> _Entry:
    """The entry with this name in `part`. An error sentence begins with `who`, which names the entry."""
    each = _NAMED[part]
    if not name:
        raise Unusable(f"{who} names no {each}: write the name of one of its {part} there")
    if not isinstance(name, str) or name not in merged[part]:
        raise Unusable(f"{who} names the {each} {name!r}, which is not in it: correct the name, or add the {each}")
    return merged[part][name]


def _fields(kind: type[T], entry: _Entry) -> T:
    try:
        return msgspec.convert({} if entry.fields is None else without_nulls(entry.fields, but="token"), kind)
    except msgspec.ValidationError as error:
        raise Unusable(f"{entry.where}: {wrong_field.sentence(error)}") from error


def _kind(document: object) -> str:
    return "list" if isinstance(document, list) else "value"
