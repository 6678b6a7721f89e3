"""Bodies that come packed: whole whatever the network's chunks are, in pieces of a bounded size, or refused."""

import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

from krt.cluster.access import http_client, load_access
from krt.cluster.listing import PAGE_ITEMS
from krt.cluster.unpack import PIECE_BYTES, Unpacker
from krt.core.kube.restartable import DEPLOYMENT
from krt.dev.cluster import many_deployments
from krt.errors import ClusterUnavailable
from tests.fakes.calls import Calls
from tests.fakes.peers import open_peer
from tests.fakes.served import served
from tests.fakes.stand_in import StandIn, write_kubeconfig

PACKED = gzip.compress(b'{"metadata": {"resourceVersion": "7"}, "items": []}', mtime=0)
BOMB_BYTES = 64 * 1024 * 1024


def unpacked(content_encoding: str, *chunks: bytes) -> list[bytes]:
    unpacker = Unpacker(content_encoding)
    pieces = [piece for chunk in chunks for piece in unpacker.pieces(chunk)]
    unpacker.finish()
    return pieces


def chunks_of(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=3), st.integers(1, 500), st.integers(0, 9))
@example([b"x" * (3 * PIECE_BYTES), b"", b"y"], 7, 1)
@example([b"x" * (3 * PIECE_BYTES), b"", b"y"], PIECE_BYTES, 1)
def test_what_was_packed_comes_out_whatever_the_chunks(members: list[bytes], size: int, level: int) -> None:
    """Seen to fail with `unused_data` left out, and with `unconsumed_tail` left out."""
    packed = b"".join(gzip.compress(member, level) for member in members)
    pieces = unpacked("gzip", *chunks_of(packed, size))
    assert b"".join(pieces) == b"".join(members)
    assert max(map(len, pieces)) <= PIECE_BYTES


def test_a_chunk_that_unpacks_to_a_thousand_times_its_size_comes_in_bounded_pieces() -> None:
    """Whoever counts them stops after the first too many. Seen to fail without a bound for `decompress`."""
    bomb = gzip.compress(b"\0" * BOMB_BYTES)
    assert len(bomb) < BOMB_BYTES / 900
    pieces = Unpacker("gzip").pieces(bomb)
    assert [len(next(pieces)) for _ in range(3)] == [PIECE_BYTES] * 3


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_its_name_is_compared_as_http_has_it(encoding: str) -> None:
    assert b"".join(unpacked(encoding, gzip.compress(b"whole"))) == b"whole"


def test_what_is_not_packed_stays_as_it_came() -> None:
    assert unpacked("", b"\x1f\x8b", b"no gzip") == [b"\x1f\x8b", b"no gzip"]


@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [
        ("gzip", PACKED[:-1], "in the middle of its gzip"),
        ("gzip", PACKED[: len(PACKED) // 2], "in the middle of its gzip"),
        ("gzip", b"", "in the middle of its gzip"),
        ("gzip", b'{"items": []}', "not gzip: .*incorrect header check"),
        ("gzip", PACKED[:-5] + b"12345", "not gzip: .*incorrect (data|length) check"),
        ("gzip", PACKED + b"garbage", "not gzip: .*incorrect header check"),
        ("gzip", zlib.compress(b"{}"), "not gzip: .*incorrect header check"),
        ("deflate", zlib.compress(b"{}"), "'deflate', which was not asked for"),
        ("br", b"{}", "'br', which was not asked for"),
        ("gzip, gzip", gzip.compress(PACKED, mtime=0), "'gzip, gzip', which was not asked for"),
    ],
)
async def test_what_is_not_what_it_says_is_an_answer_that_cannot_be_used(
    tmp_path: Path, encoding: str, body: bytes, problem: str
) -> None:
    """And the next call is answered. Seen to fail with `finish` left out, and with UnpackError not translated."""
    head = "HTTP/1.1 200 OK\r\nContent-Encoding: {}\r\nContent-Length: {}\r\n\r\n"
    answers = iter([(encoding, body), ("gzip", PACKED)])

    async def answer(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            said, packed = next(answers)
            await stream.send_all(head.format(said, len(packed)).encode() + packed)

    async with open_peer(answer) as port, asking(tmp_path, f"http://127.0.0.1:{port}") as api:
        with pytest.raises(ClusterUnavailable, match=problem):
            await api.list_page(DEPLOYMENT, None, None)
        page = await api.list_page(DEPLOYMENT, None, None)
        assert (list(page.objects), page.resource_version) == ([], "7")


async def test_a_list_is_asked_for_packed_and_nothing_else_is(stand_in: StandIn) -> None:
    """The API server packs nothing below 128 KiB, and no watch."""
    asked: list[tuple[bytes, bytes]] = []

    async def noting(scope, receive, send):
        if scope["type"] == "http":
            asked.append((scope["query_string"], dict(scope["headers"])[b"accept-encoding"]))
        await stand_in.cluster(scope, receive, send)

    for document in many_deployments(300):
        stand_in.cluster.add(document)
    async with served(noting) as url, asking(stand_in.kubeconfig.parent, url) as api:
        page = await api.list_page(DEPLOYMENT, None, None)
        assert len(list(page.objects)) == PAGE_ITEMS
        await api.newest_version(DEPLOYMENT, None)
        async with api.watch(DEPLOYMENT, None, page.resource_version, 1) as lines:
            assert [line async for line in lines] == []
    lists = f"limit={PAGE_ITEMS}".encode()
    assert [encoding for query, encoding in asked if query == lists] == [b"gzip"]
    assert {encoding for query, encoding in asked if query != lists} == {b"identity"}


@asynccontextmanager
async def asking(folder: Path, url: str) -> AsyncIterator[Calls]:
    server, credentials = load_access(write_kubeconfig(folder, {"server": url}, {"token": "first"}))
    async with http_client(server, connections=2) as client:
        yield Calls(client, credentials)
