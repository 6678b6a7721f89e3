"""Fetches a folder of a git repository as the content of a Bundle: chooses commit and login, reads the files."""

import re
from collections.abc import Mapping

import trio

from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.core.rukpak.source import GitSource
from krt.secret import Secret
from krt.sources.access import SourceAccess
from krt.sources.basic_auth import basic_authorization, text_in
from krt.sources.cache import BundleCache
from krt.sources.errors import SourceRefused
from krt.sources.fetched import FetchedBundle
from krt.sources.git_address import GitAddress, HttpAddress, parse_repository
from krt.sources.git_client import FetchedPack, Wanted
from krt.sources.git_http import fetch_by_http
from krt.sources.git_pack import read_pack
from krt.sources.git_ssh import SshLogin, fetch_by_ssh
from krt.sources.git_tree import commit_of, files_of
from krt.sources.way import Way

_COMMIT = re.compile(r"[0-9a-f]{40}")


async def fetch_git(
    source: GitSource, pinned: str, access: SourceAccess, way: Way, cache: BundleCache
) -> FetchedBundle:
    """The folder's files at a commit. `pinned` is a commit, or "" for the branch, tag or commit of the source.

    Raises SourceRefused, SourceDenied and SourceUnavailable.
    """
    address = parse_repository(source.repository)
    wanted = _wanted(source, pinned)
    if wanted.commit and (found := cache.get(_url(address, wanted.commit, source.directory))):
        return found
    try:
        async with way.turn():
            fetched = await _fetched(address, wanted, source, access, way)
            commit, files = await trio.to_thread.run_sync(_read, fetched, source.directory)
    except BundleInvalid as error:
        raise SourceRefused(f"{address}: {error}") from None
    return FetchedBundle(commit, _url(address, commit, source.directory), files)


def _wanted(source: GitSource, pinned: str) -> Wanted:
    commit = pinned or source.commit
    if commit:
        if not _COMMIT.fullmatch(commit):
            raise SourceRefused("a commit is named by its 40 hexadecimal digits")
        return Wanted(commit)
    kind, name = ("heads", source.branch) if source.branch else ("tags", source.tag)
    if not name.isprintable():
        raise SourceRefused("the name of a branch or tag must have no control characters")
    return Wanted("", f"refs/{kind}/{name}")


async def _fetched(
    address: GitAddress, wanted: Wanted, source: GitSource, access: SourceAccess, way: Way
) -> FetchedPack:
    data = await access.secret(source.secret) if source.secret else {}
    if isinstance(address, HttpAddress):
        authorization = basic_authorization(source.secret, data) if source.secret else None
        return await fetch_by_http(address, wanted, authorization, way, insecure=source.insecure_skip_verify)
    return await fetch_by_ssh(address, wanted, _ssh_login(source, data))


def _ssh_login(source: GitSource, data: Mapping[str, bytes]) -> SshLogin:
    if not source.secret:
        raise SourceRefused("git over ssh needs a Secret with the keys ssh-privatekey and ssh-knownhosts")
    key = Secret(text_in(source.secret, data, "ssh-privatekey"))
    return SshLogin(key, None if source.insecure_skip_verify else text_in(source.secret, data, "ssh-knownhosts"))


def _read(fetched: FetchedPack, directory: str) -> tuple[str, FileTree]:
    objects = read_pack(fetched.pack)
    commit = commit_of(objects, fetched.name)
    return commit, files_of(objects, commit, directory)


def _url(address: GitAddress, commit: str, directory: str) -> str:
    """The URL in the form in which docker build names a folder of a commit."""
    return f"git+{address}#{commit}" + (f":{directory}" if directory else "")
