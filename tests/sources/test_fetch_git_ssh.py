"""Git over ssh, from a real sshd: with the Secret's key and known hosts, and nothing that this machine has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from krt.core.rukpak.source import GitSource
from krt.sources import git_ssh, way
from krt.sources.git_address import SshAddress
from tests.fakes.ports import free_ports
from tests.gitserver.repository import Repository
from tests.gitserver.ssh import SshServer, make_key, ssh_server
from tests.sources.fetching import Namespace, fetched, refused, unavailable
from tests.sources.images import WEB

FILES = {"manifests/web.yaml": WEB}


@pytest.fixture(params=[True, False], ids=["v2", "v0"])
def server(request: pytest.FixtureRequest, repository: Repository, tmp_path: Path) -> Iterator[SshServer]:
    """One that lets the client ask for version 2 of the protocol, and one that does not."""
    with ssh_server(tmp_path / "sshd", accepts_v2=request.param) as running:
        yield running


@pytest.fixture
def only(repository: Repository, tmp_path: Path) -> Iterator[SshServer]:
    with ssh_server(tmp_path / "sshd") as running:
        yield running


def secret(server: SshServer, **changed: bytes) -> Namespace:
    data = {"ssh-privatekey": server.key, "ssh-knownhosts": server.known_hosts}
    return Namespace(secrets={"ssh": data | {f"ssh-{name}": content for name, content in changed.items()}})


async def test_branch_tag_and_commit(repository: Repository, server: SshServer) -> None:
    old = repository.commit(FILES)
    repository.tag("v1", old, annotated=True)
    new = repository.commit({**FILES, "manifests/more.yaml": WEB})
    repository.configure("uploadpack.allowReachableSHA1InWant", "true")
    url = server.url(repository.folder)
    for fields, commit in (({"branch": "main"}, new), ({"tag": "v1"}, old), ({"commit": old}, old)):
        found = await fetched(GitSource(url, **fields, secret="ssh"), "", secret(server))
        assert (found.resolved, found.content_url) == (commit, f"git+{url}#{commit}")
    assert (await fetched(GitSource(url, branch="main", secret="ssh"), old, secret(server))).files.files == FILES


async def test_gits_short_form_of_an_address(
    repository: Repository, only: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no place for a port: the test gives ssh one."""
    repository.commit(FILES)
    monkeypatch.setattr(git_ssh, "_OPTIONS", (*git_ssh._OPTIONS, f"Port={only.port}"))
    found = await fetched(
        GitSource(f"{only.user}@127.0.0.1:{repository.folder}", branch="main", secret="ssh"), "", secret(only)
    )
    assert found.files.files == FILES
    assert found.content_url.startswith(f"git+ssh://{only.user}@127.0.0.1/")


async def test_a_commit_that_the_server_does_not_give_by_its_name_is_told(
    repository: Repository, tmp_path: Path
) -> None:
    """Version 0 of the protocol gives tips alone, unless the server is set otherwise."""
    old = repository.commit(FILES)
    repository.commit({**FILES, "manifests/more.yaml": WEB})
    with ssh_server(tmp_path / "sshd", accepts_v2=False) as server:
        source = GitSource(server.url(repository.folder), commit=old, secret="ssh")
        given = "it has none, or gives only the tips of branches and tags"
        assert await refused(source, "", secret(server)) == f"127.0.0.1 does not give commit {old}: {given}"


async def test_no_host_key_counts_but_the_secrets(repository: Repository, only: SshServer, tmp_path: Path) -> None:
    """Seen to fail with StrictHostKeyChecking=no."""
    repository.commit(FILES)
    source = GitSource(only.url(repository.folder), branch="main", secret="ssh")
    make_key(tmp_path / "other")
    other = b"[127.0.0.1]:%d %s" % (only.port, (tmp_path / "other.pub").read_bytes())
    said = "127.0.0.1 has no host key that the Secret's ssh-knownhosts names"
    for known_hosts in (b"", other, b"git.example.com ssh-ed25519 AAAA"):
        assert await refused(source, "", secret(only, knownhosts=known_hosts)) == said
    unchecked = GitSource(source.repository, branch="main", secret="ssh", insecure_skip_verify=True)
    assert (await fetched(unchecked, "", secret(only, knownhosts=b""))).files.files == FILES


async def test_no_key_counts_but_the_secrets(repository: Repository, only: SshServer, tmp_path: Path) -> None:
    """Nor does one with a passphrase, which nobody is there to type."""
    repository.commit(FILES)
    source = GitSource(only.url(repository.folder), branch="main", secret="ssh")
    denied = "127.0.0.1 does not accept the key in the Secret's ssh-privatekey"
    for key in (make_key(tmp_path / "other"), make_key(tmp_path / "locked", passphrase="hunter2"), b"no key"):
        assert await refused(source, "", secret(only, privatekey=key)) == denied


def test_nothing_of_this_machines_ssh_counts() -> None:
    """ssh takes the folder of its user's configuration from the system, where no test may write."""
    words = git_ssh._words(SshAddress("git", "example.com", 0, "/x"), "key", "hosts", is_strict=True)
    assert words[:2] == ["-F", "none"]
    for option in ("IdentitiesOnly=yes", "IdentityAgent=none", "GlobalKnownHostsFile=none", "BatchMode=yes"):
        assert option in words
    assert words[-3:] == ["--", "example.com", "git-upload-pack '/x'"]


@pytest.mark.parametrize("key", ["ssh-privatekey", "ssh-knownhosts"])
async def test_a_secret_without_what_ssh_needs_is_refused(repository: Repository, only: SshServer, key: str) -> None:
    source = GitSource(only.url(repository.folder), branch="main", secret="ssh")
    access = secret(only)
    access.secrets["ssh"] = {name: content for name, content in access.secrets["ssh"].items() if name != key}
    assert await refused(source, "", access) == f"Secret ssh has no key {key}"
    said = await refused(GitSource(only.url(repository.folder), branch="main"))
    assert said == "git over ssh needs a Secret with the keys ssh-privatekey and ssh-knownhosts"


async def test_a_key_without_its_last_line_end_is_a_key(repository: Repository, only: SshServer) -> None:
    repository.commit(FILES)
    source = GitSource(only.url(repository.folder), branch="main", secret="ssh")
    assert (await fetched(source, "", secret(only, privatekey=only.key.strip()))).files.files == FILES


async def test_a_path_is_no_command(repository: Repository, only: SshServer, tmp_path: Path) -> None:
    evil = Repository(tmp_path / f"it's $(touch {'x'}) `id`; touch x" / "r.git")
    evil.commit(FILES)
    path = str(evil.folder).replace(" ", "")
    said = await refused(GitSource(f"{only.url(Path(path))}", branch="main", secret="ssh"), "", secret(only))
    assert said.startswith("127.0.0.1 refuses: ")
    assert not (Path.home() / "x").exists()
    quoted = Repository(tmp_path / "it's" / "r.git")
    quoted.commit(FILES)
    found = await fetched(GitSource(only.url(quoted.folder), branch="main", secret="ssh"), "", secret(only))
    assert found.files.files == FILES


async def test_what_is_not_there_is_told(repository: Repository, only: SshServer) -> None:
    repository.commit(FILES)
    source = GitSource(only.url(repository.folder), branch="absent", secret="ssh")
    assert await refused(source, "", secret(only)) == "127.0.0.1 has no refs/heads/absent"
    gone = GitSource(only.url(Path("/nowhere.git")), branch="main", secret="ssh")
    assert (await refused(gone, "", secret(only))).startswith("127.0.0.1 refuses: ")


async def test_a_server_that_is_away_may_come_back(repository: Repository, only: SshServer) -> None:
    (port,) = free_ports(1)
    away = GitSource(f"ssh://git@127.0.0.1:{port}/x", branch="main", secret="ssh")
    assert (await unavailable(away, "", secret(only))).startswith("127.0.0.1 cannot be reached by ssh (")
    unknown = GitSource("ssh://git@git.invalid/x", branch="main", secret="ssh")
    assert (await unavailable(unknown, "", secret(only))).startswith("git.invalid cannot be reached (")


async def test_a_name_that_leads_to_a_link_local_address_is_not_called(
    repository: Repository, only: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_ssh, "is_link_local", lambda host: host == "127.0.0.1")
    source = GitSource(only.url(repository.folder).replace("127.0.0.1", "localhost"), branch="main", secret="ssh")
    said = "the server's name leads to a link-local address, which krt never calls"
    assert await refused(source, "", secret(only)) == said


async def test_without_the_program_it_is_told(
    repository: Repository, only: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    source = GitSource(only.url(repository.folder), branch="main", secret="ssh")
    assert await refused(source, "", secret(only)) == "krt has no program `ssh`, which git over ssh needs"


async def test_a_fetch_that_is_cut_leaves_no_process(
    repository: Repository, only: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that accepts and never speaks. Seen to fail without the kill: ssh went on."""
    begun: list[trio.Process] = []
    open_process = trio.lowlevel.open_process

    async def opened(*words: object, **options: object) -> trio.Process:
        begun.append(await open_process(*words, **options))  # type: ignore[arg-type]
        return begun[-1]

    monkeypatch.setattr(trio.lowlevel, "open_process", opened)
    monkeypatch.setattr(way, "SECONDS", 3.0)  # less than git_ssh.CONNECT_SECONDS on any machine
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    async with listener:
        port = listener.socket.getsockname()[1]
        silent = GitSource(f"ssh://git@127.0.0.1:{port}/x", branch="main", secret="ssh")
        said = await unavailable(silent, "", secret(only))
    assert said.startswith("the source has not sent the bundle within ")
    assert [process.returncode for process in begun] == [-9]


async def test_a_server_that_sends_without_end_is_cut(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 0 of the protocol begins with every reference that there is."""
    commit = repository.commit(FILES)
    for number in range(50):
        repository.refer(f"refs/heads/{number:03}{'x' * 100}", commit)
    monkeypatch.setattr(git_ssh, "MOST_REFS_BYTES", 5_000)
    with ssh_server(tmp_path / "sshd", accepts_v2=False) as server:
        source = GitSource(server.url(repository.folder), branch="main", secret="ssh")
        assert await refused(source, "", secret(server)) == "the git server sends more than krt takes"
