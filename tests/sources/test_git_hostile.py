"""Git servers that lie, leave, or never end, and packs that nobody makes by accident."""

import hashlib
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.bundle.tree import BundleInvalid
from krt.core.rukpak.source import GitSource
from krt.sources import exchange, git_pack, way
from krt.sources.errors import SourceRefused, SourceUnavailable
from krt.sources.git_pack import BLOB, COMMIT, GitObject, read_pack
from tests.fakes.pace import slack
from tests.sources.fetching import Namespace, fetched, refused, unavailable
from tests.sources.hostile import ENDLESS, HostileRegistry, Reply, hostile_registry

REFS, PACK = "GET /x.git/info/refs", "POST /x.git/git-upload-pack"
SHA = "0123456789abcdef0123456789abcdef01234567"
MIB = 1024 * 1024


def lines(*words: bytes | None) -> bytes:
    """Packet lines; None is a flush."""
    return b"".join(b"0000" if word is None else b"%04x%s" % (len(word) + 4, word) for word in words)


def advertisement(body: bytes) -> Reply:
    return Reply(body=body, headers={"Content-Type": "application/x-git-upload-pack-advertisement"})


def result(body: bytes, **more: object) -> Reply:
    headers = {"Content-Type": "application/x-git-upload-pack-result"}
    return Reply(body=body, headers=headers, **more)  # type: ignore[arg-type]


V0 = lines(
    b"# service=git-upload-pack\n", None, f"{SHA} refs/heads/main\0side-band-64k shallow ofs-delta\n".encode(), None
)
V2 = lines(b"version 2\n", b"ls-refs\n", b"fetch=shallow packfile-uris\n", b"packfile-uris\n", None)
LISTED = lines(f"{SHA} refs/heads/main\n".encode(), None)


@pytest.fixture
async def hostile() -> AsyncIterator[HostileRegistry]:
    async with hostile_registry() as opened:
        opened.replies[REFS] = advertisement(V0)
        yield opened


def source(hostile: HostileRegistry, **fields: str) -> GitSource:
    return GitSource(f"http://{hostile.host}/x.git", branch="main", **fields)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(body=V0), "has no git repository there that it serves by the smart protocol"),
        (Reply(body=f"{SHA}\trefs/heads/main\n".encode()), "that it serves by the smart protocol"),
        (advertisement(b""), "127.0.0.1 ended the connection before it had sent refs/heads/main"),
        (advertisement(b"zzzz"), "127.0.0.1 "),
        (advertisement(b"ffff"), "127.0.0.1 "),
        (advertisement(lines(b"ERR no \x1bhunter\nsecond line")), "127.0.0.1 "),
        (advertisement(lines(b"# service=git-upload-pack\n", None, b"x", None)), "127.0.0.1 "),
        (advertisement(lines(b"version 2\n", b"fetch", None)), "127.0.0.1 "),
        (Reply(404), "has no repository http://127.0.0.1"),
        (Reply(403), "127.0.0.1 does not let anybody without credentials read http://127.0.0.1"),
        (Reply(302, headers={"Location": "http://169.254.169.254/info/refs?service=git-upload-pack"}), "link-local"),
        (Reply(302, headers={"Location": "http://example.com/info/refs?service=git-upload-pack"}), "is not https"),
        (Reply(302, headers={"Location": "/login"}), "127.0.0.1 redirects to something that is not a repository"),
        (Reply(302, headers={"Location": "?service=git-upload-pack"}), "127.0.0.1 redirects more than 5 times"),
        (Reply(302, headers={"Location": "http://a:b@127.0.0.1/info/refs?service=git-upload-pack"}), "not a repo"),
        (advertisement(ENDLESS * 300), "127.0.0.1 sends more than the 16777216 bytes that were asked for"),
    ],
)
async def test_references_that_are_none(hostile: HostileRegistry, reply: Reply, said: str) -> None:
    hostile.replies[REFS] = reply
    text = await refused(source(hostile))
    assert said in text
    assert text.isprintable()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (result(b""), "ended the connection before it had sent refs/heads/main"),
        (result(lines(None, b"NAK\n", None)), "ended the connection before it had sent refs/heads/main"),
        (result(lines(None, b"NAK\n", b"\1PACK", None)), "the git server sends a damaged pack"),
        (result(lines(None, b"NAK\n", b"\3no \x1bway\nand more", None)), "127.0.0.1 refuses: no ?way"),
        (result(lines(None, b"NAK\n", b"\7what", None)), "something that is not git's protocol"),
        (result(lines(b"ERR access denied: " + b"x" * 999)), "127.0.0.1 "),
        (Reply(body=b"<html>"), "has no git repository there that it serves by the smart protocol"),
        (Reply(302, headers={"Location": "/elsewhere"}), "has no repository http://127.0.0.1"),
        (Reply(405), "has no repository http://127.0.0.1"),
    ],
)
async def test_packs_that_are_none(hostile: HostileRegistry, reply: Reply, said: str) -> None:
    hostile.replies[PACK] = reply
    text = await refused(source(hostile))
    assert said in text
    assert text.isprintable()
    assert len(text) < 400


async def test_a_server_that_is_busy_is_asked_later(hostile: HostileRegistry) -> None:
    hostile.replies[REFS] = Reply(503, headers={"Retry-After": "70"})
    with pytest.raises(SourceUnavailable) as caught:
        await fetched(source(hostile))
    said = "127.0.0.1 answers with status 503, and asks for a pause of 70 s"
    assert (str(caught.value), caught.value.retry_after_seconds) == (said, 70)
    hostile.replies |= {REFS: advertisement(V0), PACK: Reply(429)}
    assert await unavailable(source(hostile)) == "127.0.0.1 answers with status 429"


async def test_a_pack_that_lies_elsewhere_is_not_fetched(hostile: HostileRegistry) -> None:
    """The server may name URLs of packs (gitprotocol-v2, packfile-uris): they could be anybody's.

    Seen to fail with every URL called.
    """
    async with hostile_registry() as elsewhere:
        uri = f"https://{elsewhere.host}/pack sha1 {SHA}\n".encode()
        hostile.replies[REFS] = advertisement(V2)
        hostile.replies[PACK] = [result(LISTED), result(lines(b"packfile-uris\n", uri, b"packfile\n", None))]
        assert await refused(source(hostile)) == "127.0.0.1 leads to another URL than the repository's"
        assert elsewhere.asked == []


async def test_a_pack_without_end_is_cut(hostile: HostileRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("krt.sources.git_http.MOST_BYTES", MIB)
    hostile.replies[PACK] = result(ENDLESS, is_endless=True)
    assert await refused(source(hostile)) == f"127.0.0.1 sends more than the {MIB} bytes that were asked for"


async def test_silence_is_cut(hostile: HostileRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread of dulwich ends with the exchange."""
    monkeypatch.setattr(exchange, "SECONDS", slack(0.3))
    monkeypatch.setattr(exchange, "MOST_REFUSAL_BYTES", 2**40)
    hostile.replies[PACK] = Reply(404, body=b"x", is_endless=True)
    assert (await unavailable(source(hostile))).startswith("127.0.0.1 did not answer within ")
    monkeypatch.setattr(exchange, "SECONDS", 60.0)
    monkeypatch.setattr(way, "SECONDS", slack(0.3))
    assert (await unavailable(source(hostile))).startswith("the source has not sent the bundle within ")


async def test_a_server_cannot_fill_the_log(hostile: HostileRegistry, caplog: pytest.LogCaptureFixture) -> None:
    """Seen to fail with dulwich's own level of the log: a line for each word."""
    hostile.replies[REFS] = advertisement(V2)
    hostile.replies[PACK] = result(lines(*[f"{SHA} refs/heads/x what ever\n".encode()] * 1000, None))
    await refused(source(hostile))
    assert [record.name for record in caplog.records if record.name.startswith("dulwich")] == []


async def test_a_login_is_in_no_sentence(hostile: HostileRegistry) -> None:
    access = Namespace(secrets={"login": {"username": b"robot", "password": b"hunter2"}})
    for reply in (Reply(401), Reply(403, body=b"hunter2"), Reply(500), advertisement(b"zzzz"), Reply(404)):
        hostile.replies[REFS] = reply
        with pytest.raises((SourceRefused, SourceUnavailable)) as caught:
            await fetched(source(hostile, secret="login"), "", access)
        assert "hunter2" not in str(caught.value)


def size(number: int, bits: int, kind: int = 0) -> bytes:
    """As packs write sizes: the first byte has so many bits of it, and the kind."""
    first, number = (kind << bits) | (number & ((1 << bits) - 1)), number >> bits
    made = [first]
    while number:
        made[-1] |= 0x80
        made.append(number & 0x7F)
        number >>= 7
    return bytes(made)


def entry(kind: int, content: bytes, *, base: bytes = b"", declared: int = -1) -> bytes:
    return size(len(content) if declared < 0 else declared, 4, kind) + base + zlib.compress(content)


def pack(*entries: bytes, count: int = -1) -> bytes:
    body = b"PACK\0\0\0\2" + (len(entries) if count < 0 else count).to_bytes(4, "big") + b"".join(entries)
    return body + hashlib.sha1(body).digest()


def delta(base: bytes, made: int, *commands: bytes) -> bytes:
    return size(len(base), 7) + size(made, 7) + b"".join(commands)


def name(content: bytes) -> bytes:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).digest()


def problem(content: bytes) -> str:
    with pytest.raises(BundleInvalid) as caught:
        read_pack(content)
    return str(caught.value)


COPY_ALL = b"\x90\x04"  # four bytes from the beginning


def test_objects_and_deltas_are_read_in_any_order() -> None:
    """A delta may stand before the object that it builds on, if it names that by its hash."""
    twice = delta(b"base", 8, COPY_ALL, COPY_ALL)
    chained = delta(b"basebase", 9, b"\x90\x08", b"\1!")
    found = read_pack(
        pack(entry(7, chained, base=name(b"basebase")), entry(7, twice, base=name(b"base")), entry(BLOB, b"base"))
    )
    assert found == {name(each).hex(): GitObject(BLOB, each) for each in (b"base", b"basebase", b"basebase!")}
    first = entry(BLOB, b"base")
    assert read_pack(pack(first, entry(6, twice, base=bytes([len(first)])))).keys() == {
        name(b"base").hex(),
        name(b"basebase").hex(),
    }


DAMAGED = "the git server sends a damaged pack"
LARGE = "the repository has more than 64 MiB at this commit"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", DAMAGED),
        (b"PACK", DAMAGED),
        (pack()[:-1] + b"x", DAMAGED),
        (pack(entry(BLOB, b"x"), count=2), DAMAGED),
        (pack(entry(BLOB, b"x"), entry(BLOB, b"y"), count=1), DAMAGED),
        (pack(entry(5, b"x")), DAMAGED),
        (pack(entry(BLOB, b"x", declared=2)), DAMAGED),
        (pack(entry(BLOB, b"xyz", declared=2)), DAMAGED),
        (pack(size(1, 4, BLOB) + b"no zlib"), DAMAGED),
        (pack(entry(7, delta(b"base", 4, COPY_ALL), base=name(b"base"))), DAMAGED),
        (pack(entry(6, delta(b"base", 4, COPY_ALL), base=b"\1")), DAMAGED),
        (pack(entry(BLOB, b"base"), entry(7, delta(b"base", 5, COPY_ALL), base=name(b"base"))), DAMAGED),
        (pack(entry(BLOB, b"base"), entry(7, delta(b"bas", 4, COPY_ALL), base=name(b"base"))), DAMAGED),
        (pack(entry(BLOB, b"base"), entry(7, b"", base=name(b"base"))), DAMAGED),
        (pack(entry(BLOB, b"base"), entry(7, b"\xff" * 20, base=name(b"base"))), DAMAGED),
        (pack(count=git_pack.MOST_OBJECTS + 1), "the repository has more than 100000 objects at this commit"),
        (pack(entry(BLOB, b"x", declared=65 * MIB)), LARGE),
        (pack(entry(BLOB, b"x", declared=2**59)), LARGE),
        (pack(size(2**70, 4, BLOB) + zlib.compress(b"x")), DAMAGED),
        (pack(entry(BLOB, b"base"), entry(7, delta(b"base", 2**60, COPY_ALL), base=name(b"base"))), LARGE),
    ],
)
def test_a_pack_that_lies_is_refused(content: bytes, said: str) -> None:
    assert problem(content) == said


def bombs() -> list[bytes]:
    zeros = bytes(40 * MIB)
    copies = b"\xf0\xff\xff\xff" * 30  # 16 MiB each, from 40 MiB
    doubled = delta(zeros, 30 * 0xFFFFFF, copies)
    many = [entry(BLOB, bytes(MIB) + b"%d" % number) for number in range(100)]
    return [
        pack(entry(BLOB, bytes(200 * MIB))),
        pack(entry(BLOB, bytes(200 * MIB), declared=1000)),
        pack(entry(BLOB, zeros), entry(7, doubled, base=name(zeros))),
        pack(*many),
    ]


@pytest.mark.parametrize("bomb", range(4))
def test_a_bomb_takes_little_memory(bomb: int) -> None:
    """Seen to fail without the charge for what a pack declares: 200 MiB and more."""
    content = bombs()[bomb]
    assert len(content) < MIB
    tracemalloc.start()
    problem(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 160 * MIB


def test_a_long_chain_of_deltas_is_no_deep_recursion() -> None:
    entries = [entry(BLOB, b"0" * 4)]
    for number in range(3000):
        base = b"%d" % number if number else b"0" * 4
        made = b"%d" % (number + 1)
        inserted = delta(base, len(made), bytes([len(made)]) + made)
        entries.append(entry(7, inserted, base=name(base)))
    assert len(read_pack(pack(*reversed(entries)))) == 3001


@given(st.binary(max_size=200), st.sampled_from([COMMIT, BLOB, 6, 7]), st.binary(max_size=40))
def test_any_entry_is_read_or_refused(content: bytes, kind: int, start: bytes) -> None:
    with suppress(BundleInvalid):
        read_pack(pack(entry(BLOB, b"base"), entry(kind, content, base=start)))


@given(st.binary(max_size=300), st.integers(0, 3))
def test_any_bytes_are_a_pack_or_refused(content: bytes, count: int) -> None:
    with suppress(BundleInvalid):
        read_pack(pack(content, count=count))


@given(st.binary(max_size=60))
def test_any_delta_is_applied_or_refused(content: bytes) -> None:
    with suppress(BundleInvalid):
        read_pack(pack(entry(BLOB, b"base"), entry(7, size(4, 7) + content, base=name(b"base"))))
