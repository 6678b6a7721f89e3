"""Git as the source of a Bundle, over HTTP, from the real `git http-backend`: what is fetched, and what is refused."""

import zlib
from collections.abc import AsyncIterator

import pytest

from krt.core.bundle.tree import MOST_BYTES
from krt.core.rukpak.source import GitSource
from tests.gitserver.http import GitHttp, git_http
from tests.gitserver.repository import Repository
from tests.sources.fetching import Namespace, a_fetcher, fetched, refused
from tests.sources.hostile import Reply, hostile_registry
from tests.sources.images import WEB

FILES = {"manifests/web.yaml": WEB, "README.md": b"# a bundle"}
BUNDLE = {"manifests/web.yaml": WEB}
NEVER = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
async def server(repository: Repository) -> AsyncIterator[GitHttp]:
    async with git_http(repository.folder.parent) as opened:
        yield opened


def source(server: GitHttp, **fields: object) -> GitSource:
    """The branch main of the repository, unless `fields` say otherwise."""
    chosen = {} if {"tag", "commit"} & fields.keys() else {"branch": "main"}
    return GitSource(f"{server.url}/bundle.git", **{**chosen, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("speaks_v2", [True, False])
async def test_branch_tag_and_commit(repository: Repository, speaks_v2: bool) -> None:
    """By both versions of the protocol. A tag is peeled to its commit, whatever tags lead there."""
    old = repository.commit(FILES)
    repository.tag("v1", old)
    repository.tag("v2", old, annotated=True)
    repository.tag("v3", "v2", annotated=True)
    new = repository.commit({**FILES, "manifests/more.yaml": WEB})
    repository.configure("uploadpack.allowReachableSHA1InWant", "true")
    async with git_http(repository.folder.parent, speaks_v2=speaks_v2) as server:
        for tag in ("v1", "v2", "v3"):
            found = await fetched(source(server, tag=tag))
            assert (found.resolved, found.content_url) == (old, f"git+{server.url}/bundle.git#{old}")
            assert found.files.files == BUNDLE
        assert (await fetched(source(server))).resolved == new
        assert (await fetched(source(server, commit=old))).files.files == BUNDLE


async def test_the_field_decides_between_a_branch_and_a_tag_of_one_name(
    repository: Repository, server: GitHttp
) -> None:
    tagged = repository.commit(FILES)
    repository.tag("refs", tagged)
    branched = repository.commit({**FILES, "manifests/more.yaml": WEB}, branch="refs")
    assert (await fetched(source(server, tag="refs"))).resolved == tagged
    assert (await fetched(source(server, branch="refs"))).resolved == branched
    for name in ("refs/tags/refs", "heads/refs", "tags/refs"):
        assert await refused(source(server, branch=name)) == f"127.0.0.1 has no refs/heads/{name}"


async def test_a_pinned_commit_is_fetched_and_never_the_branch(repository: Repository, server: GitHttp) -> None:
    """Seen to fail with the branch asked for in spite of the pin."""
    old = repository.commit(FILES)
    repository.commit({**FILES, "manifests/more.yaml": WEB})
    fetcher = a_fetcher()
    found = await fetcher.fetch(source(server), old, Namespace())
    assert (found.resolved, found.files.files) == (old, BUNDLE)
    server.asked.clear()
    assert await fetcher.fetch(source(server), old, Namespace()) is found
    assert await fetcher.fetch(source(server, commit=old), "", Namespace()) is found
    assert server.asked == []


async def test_only_the_newest_commit_is_fetched(repository: Repository, server: GitHttp) -> None:
    """Depth 1: a file of an older commit, too large for a bundle, costs nothing."""
    big = b"".join(zlib.crc32(b"%d" % number).to_bytes(4, "big") for number in range(400_000))
    repository.commit({"manifests/web.yaml": big})
    repository.commit(FILES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("krt.sources.git_client.MOST_BYTES", len(big))
        assert (await fetched(source(server))).files.files == BUNDLE
        repository.commit({"manifests/web.yaml": big})
        assert "has more than" in await refused(source(server))


@pytest.mark.parametrize("directory", ["bundle", "deploy/bundles/web"])
async def test_a_directory_is_the_root_of_the_bundle(repository: Repository, server: GitHttp, directory: str) -> None:
    commit = repository.commit({f"{directory}/manifests/web.yaml": WEB, "manifests/other.yaml": WEB})
    found = await fetched(source(server, directory=directory))
    assert found.files.files == BUNDLE
    assert found.content_url.endswith(f"#{commit}:{directory}")


async def test_one_fetch_for_each_directory(repository: Repository, server: GitHttp) -> None:
    repository.commit({"a/manifests/web.yaml": WEB, "b/manifests/more.yaml": WEB})
    fetcher = a_fetcher()
    one = await fetcher.fetch(source(server, directory="a"), "", Namespace())
    other = await fetcher.fetch(source(server, directory="b"), one.resolved, Namespace())
    assert set(other.files.files) == {"manifests/more.yaml"}


@pytest.mark.parametrize("directory", ["absent", "README.md", "link", "module", "manifests/web.yaml"])
async def test_a_directory_that_is_none_is_refused(repository: Repository, server: GitHttp, directory: str) -> None:
    repository.commit({**FILES, "link": b"manifests", "module": NEVER.encode()}, link="120000", module="160000")
    url = f"{server.url}/bundle.git"
    said = await refused(source(server, directory=directory))
    assert said == f"{url}: the repository has no folder {directory} at this commit"


async def test_links_and_submodules_are_refused_in_the_bundle_and_mean_nothing_beside_it(
    repository: Repository, server: GitHttp
) -> None:
    url = f"{server.url}/bundle.git"
    repository.commit({**FILES, "link": b"/etc/passwd", "module": NEVER.encode()}, link="120000", module="160000")
    assert (await fetched(source(server))).files.files == BUNDLE
    for mode, name in (("120000", "a symbolic link"), ("160000", "a submodule")):
        target = NEVER.encode() if mode == "160000" else b"../../etc/passwd"
        repository.commit({**FILES, "manifests/x": target}, manifests_x=mode)
        wanted = f"{url}: manifests/x is {name}: a bundle has regular files and folders only"
        assert await refused(source(server)) == wanted
        repository.commit({"manifests": target}, manifests=mode)
        assert f"manifests is {name}" in await refused(source(server))


async def test_files_are_the_bytes_of_the_repository(repository: Repository, server: GitHttp) -> None:
    """No filter, no end of line, no keyword of .gitattributes; an executable is a file."""
    attributes = b"* text eol=crlf ident filter=evil\n"
    content = b"# $Id$\n" + WEB
    files = {"manifests/.gitattributes": attributes, ".gitattributes": attributes, "manifests/web.yaml": content}
    repository.commit({**files, "manifests/run": b"#!/bin/sh"}, manifests_run="100755")
    found = (await fetched(source(server))).files.files
    assert found["manifests/web.yaml"] == content
    assert found["manifests/run"] == b"#!/bin/sh"


async def test_folders_are_known(repository: Repository, server: GitHttp) -> None:
    repository.commit({"manifests/deep/web.yaml": WEB, "metadata/annotations.yaml": b"a: b"})
    found = (await fetched(source(server))).files
    assert found.is_folder("manifests/deep")
    assert set(found.files) == {"manifests/deep/web.yaml", "metadata/annotations.yaml"}


async def test_what_is_not_there_is_told(repository: Repository, server: GitHttp) -> None:
    repository.commit(FILES)
    url = f"{server.url}/bundle.git"
    assert await refused(source(server, branch="absent")) == "127.0.0.1 has no refs/heads/absent"
    assert await refused(source(server, tag="main")) == "127.0.0.1 has no refs/tags/main"
    said = await refused(GitSource(f"{server.url}/absent.git", branch="main"))
    assert said == f"127.0.0.1 has no repository {server.url}/absent.git (status 404)"
    for text in (await refused(source(server, commit=NEVER)), await refused(source(server), NEVER)):
        given = "it has none, or gives only the tips of branches and tags"
        assert text == f"127.0.0.1 does not give commit {NEVER}: {given}"
    repository.tag("tree", f"{repository.commit(FILES)}^{{tree}}")
    assert await refused(source(server, tag="tree")) == f"{url}: the tag leads to no commit"


@pytest.mark.parametrize("commit", ["main", "0123456", NEVER.upper(), f"{NEVER}\n", f"{NEVER}^", "sha256:" + "0" * 64])
async def test_a_commit_is_forty_digits(commit: str) -> None:
    said = "a commit is named by its 40 hexadecimal digits"
    assert await refused(GitSource("https://git.example.com/x", commit=commit)) == said
    assert await refused(GitSource("https://git.example.com/x", branch="main"), commit) == said


@pytest.mark.parametrize("speaks_v2", [True, False])
async def test_a_repository_of_sha256_is_told(repository: Repository, speaks_v2: bool) -> None:
    other = Repository(repository.folder.parent / "new.git", object_format="sha256")
    other.commit(FILES)
    async with git_http(repository.folder.parent, speaks_v2=speaks_v2) as server:
        for fields in ({"branch": "main"}, {"commit": NEVER}):
            said = await refused(GitSource(f"{server.url}/new.git", **fields))
            assert said == "the repository names its objects by SHA-256, which krt does not read"


def basic(**data: str) -> Namespace:
    return Namespace(secrets={"login": {name: value.encode() for name, value in data.items()}})


async def test_a_private_repository_needs_the_secret(repository: Repository) -> None:
    repository.commit(FILES)
    async with git_http(repository.folder.parent, login="robot:correct horse:x") as server:
        url = f"{server.url}/bundle.git"
        private = source(server, secret="login")
        right = basic(username="robot", password="correct horse:x")
        assert (await fetched(private, "", right)).files.files == BUNDLE
        said = await refused(private, "", basic(username="robot", password="hunter2"))
        assert said == f"127.0.0.1 does not let these credentials read {url} (status 401)"
        said = await refused(source(server))
        assert said == f"127.0.0.1 does not let anybody without credentials read {url} (status 401)"
        assert await refused(private, "", basic(username="robot")) == "Secret login has no key password"
        assert await refused(private) == "Secret login not found"
        broken = Namespace(secrets={"login": {"username": b"\xff", "password": b"hunter2"}})
        assert await refused(private, "", broken) == "Secret login has a username that is not UTF-8"


async def test_a_renamed_repository_is_followed_and_another_host_gets_no_login(repository: Repository) -> None:
    """Seen to fail with the comparison of origins left out: 'authorization' was among the headers there."""
    repository.commit(FILES)
    async with git_http(repository.folder.parent) as server, hostile_registry() as moved:
        refs = "/old.git/info/refs"
        location = f"{server.url}/bundle.git/info/refs?service=git-upload-pack"
        moved.replies[f"GET {refs}"] = Reply(301, headers={"Location": location})
        source_of_it = GitSource(f"http://{moved.host}/old.git", branch="main", secret="login")
        found = await fetched(source_of_it, "", basic(username="robot", password="hunter2"))
        assert found.files.files == BUNDLE
        assert server.asked == ["GET /bundle.git/info/refs", *["POST /bundle.git/git-upload-pack"] * 2]
        assert "authorization" in moved.asked[0].headers
        assert not any("authorization" in headers for headers in server.headers)


async def test_ten_thousand_and_one_files_are_too_many(repository: Repository, server: GitHttp) -> None:
    """One blob, named by 10,000 names in one tree: the folder itself counts, too."""
    blob = repository.blob(WEB)

    def with_files(count: int) -> None:
        folder = repository.tree(*(("100644", "blob", blob, f"{number:05}.yaml") for number in range(count)))
        repository.commit_tree(repository.tree(("040000", "tree", folder, "manifests")))

    with_files(9_999)
    assert len((await fetched(source(server))).files.files) == 9_999
    with_files(10_000)
    assert "the bundle has more than 10000 files" in await refused(source(server))


async def test_trees_that_share_their_subtrees_are_no_bomb(repository: Repository, server: GitHttp) -> None:
    """Ten levels of ten names are ten thousand million files, in eleven objects."""
    entry = ("100644", "blob", repository.blob(WEB))
    for _ in range(10):
        tree = repository.tree(*((*entry, f"{number}") for number in range(10)))
        entry = ("040000", "tree", tree)
    repository.commit_tree(repository.tree((*entry, "manifests")))
    assert "the bundle has more than 10000 files" in await refused(source(server))


async def test_one_blob_under_many_names_counts_each_time(repository: Repository, server: GitHttp) -> None:
    blob = repository.blob(bytes(1024 * 1024))
    names = (("100644", "blob", blob, f"{number}.yaml") for number in range(MOST_BYTES // 1024 // 1024 + 1))
    repository.commit_tree(repository.tree(("040000", "tree", repository.tree(*names), "manifests")))
    assert "the bundle has more than 64 MiB" in await refused(source(server))


async def test_a_blob_that_inflates_is_refused_by_its_size(repository: Repository, server: GitHttp) -> None:
    repository.commit({"manifests/web.yaml": bytes(MOST_BYTES + 1)})
    assert "the repository has more than 64 MiB at this commit" in await refused(source(server))


@pytest.mark.parametrize("name", [b"..", b".", b"a/../../b", b"/etc/passwd", b"a\nb", b"a\x1bb", b"\xff", b"web.yaml"])
async def test_a_name_that_no_file_has_is_refused(repository: Repository, server: GitHttp, name: bytes) -> None:
    """The last is a name that stands there twice."""
    blob = bytes.fromhex(repository.blob(WEB))
    entries = b"".join(b"100644 %s\0%s" % (each, blob) for each in (name, b"web.yaml"))
    folder = repository.raw("tree", entries)
    repository.commit_tree(repository.raw("tree", b"40000 manifests\0" + bytes.fromhex(folder)))
    assert "the repository has a name that krt accepts for no file" in await refused(source(server))


@pytest.mark.parametrize(
    ("repository_url", "said"),
    [
        ("git://git.example.com/x.git", "krt fetches git from https://HOST/PATH, ssh://USER@HOST/PATH"),
        ("file:///etc", "krt fetches git from"),
        ("/srv/git/x.git", "krt fetches git from"),
        ("ext::sh -c id", "the repository is not a URL"),
        ("ssh://-oProxyCommand=id/x", "krt fetches git from"),
        ("ssh://git@-oProxyCommand=id/x", "krt fetches git from"),
        ("-oProxyCommand=id:x", "krt fetches git from"),
        ("ssh://git:hunter2@git.example.com/x", "without a password in it"),
        ("https://git:hunter2@git.example.com/x", "the URL of git.example.com has a user or a password in it"),
        ("https://hunter2@git.example.com/x", "the URL of git.example.com has a user or a password in it"),
        ("http://git.example.com/x", "a URL of git.example.com is not https, and krt does not call it"),
        ("https://169.254.169.254/x", "169.254.169.254 is a link-local address, which krt never calls"),
        ("ssh://git@169.254.169.254/x", "169.254.169.254 is a link-local address, which krt never calls"),
        ("git@[fe80::1]:x", "[fe80::1] is a link-local address, which krt never calls"),
        ("https://git.example.com/x?y=z", "has a query or a fragment in it, which names no repository"),
        ("https://git.example.com/x\n", "the repository is not a URL"),
        ("https:///x", "the repository is not a URL"),
        ("x" * 3000, "the repository is not a URL"),
    ],
)
async def test_another_address_is_refused_before_any_call(repository_url: str, said: str) -> None:
    text = await refused(GitSource(repository_url, branch="main", secret="absent"))
    assert said in text
    assert "hunter2" not in text
