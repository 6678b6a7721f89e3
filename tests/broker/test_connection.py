"""What one connection makes of the bytes it gets, from peers that say what Valkey would not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from valkey.exceptions import ConnectionError as ConnectionLost
from valkey.exceptions import InvalidResponse, NoScriptError, ResponseError

from krt.broker.connection import MOST_REPLY_BYTES, ValkeyConnection, code_of
from tests.fakes.peers import Behaviour, open_peer, saying
from tests.fakes.polling import until_on_trio_clock


@asynccontextmanager
async def connected_to(behave: Behaviour) -> AsyncIterator[ValkeyConnection]:
    async with open_peer(behave) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            yield ValkeyConnection(stream, stream.socket)


def nested(levels: int) -> bytes:
    return b"*1\r\n" * levels + b"+OK\r\n"


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (b"+OK\r\n", b"OK"),
        (b"+\r\n", b""),
        (b":-12\r\n", -12),
        (b"$3\r\n\x00\r\n\r\n", b"\x00\r\n"),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"*0\r\n", []),
        (b"*3\r\n+a\r\n:1\r\n*1\r\n$-1\r\n", [b"a", 1, [None]]),
        (nested(8), [[[[[[[[b"OK"]]]]]]]]),
    ],
)
async def test_every_kind_of_reply_is_read(answer, reply):
    async with connected_to(saying(answer)) as connection:
        assert await connection.execute("PING") == reply
        assert connection.is_reusable()


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (b"-ERR no\r\n", ResponseError, "ERR"),
        (b"-NOSCRIPT No matching script.\r\n", NoScriptError, "NOSCRIPT"),
        (b"-WRONGPASS no\r\n", ResponseError, "WRONGPASS"),
        (b"-\xff\xfe\r\n", ResponseError, "\ufffd\ufffd"),
    ],
)
async def test_an_error_reply_is_raised_and_leaves_the_connection_fit_for_the_next_command(answer, kind, code):
    async with connected_to(saying(answer, b"+PONG\r\n")) as connection:
        with pytest.raises(kind) as caught:
            await connection.execute("PING")
        assert code_of(caught.value) == code
        assert await connection.execute("PING") == b"PONG"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"\r\n",
        b":12a\r\n",
        b"$-5\r\n",
        b"*-5\r\n",
        b"*99999999999\r\n",
        nested(9),
        nested(100_000),
        b"%1\r\n+a\r\n+b\r\n",
        b"%1\r\n*0\r\n+b\r\n",
        b"~1\r\n+a\r\n",
        b"~1\r\n*0\r\n",
        b"#t\r\n",
        b",1.5\r\n",
        b"*1\r\n-ERR nested\r\n",
        b"*1\r\n#t\r\n",
    ],
)
async def test_what_is_no_resp2_reply_closes_the_connection(answer):
    async with connected_to(saying(answer)) as connection:
        with pytest.raises(InvalidResponse):
            await connection.execute("PING")
        assert not connection.is_reusable()


async def test_a_reply_that_is_longer_than_it_says_closes_the_connection():
    async with connected_to(saying(b"$3\r\nabcdef\r\n")) as connection:
        assert await connection.execute("GET", "key") == b"abc"
        assert not connection.is_reusable()


async def test_a_reply_without_end_is_cut_at_the_limit():
    taken = 0

    async def flood(stream: trio.SocketStream) -> None:
        nonlocal taken
        await stream.send_all(b"$500000000\r\n")
        while True:
            await stream.send_all(b"x" * 65536)
            taken += 65536

    async with connected_to(flood) as connection:
        with pytest.raises(InvalidResponse, match="more than"):
            await connection.execute("GET", "big")
        assert not connection.is_reusable()
    assert MOST_REPLY_BYTES / 4 < taken < 16 * MOST_REPLY_BYTES  # what the kernel's buffers held is in it


async def test_the_limit_counts_each_reply_for_itself():
    answer = b"$700000\r\n" + b"x" * 700_000 + b"\r\n"
    async with connected_to(saying(answer, answer, answer)) as connection:
        for _ in range(3):
            assert await connection.execute("GET", "large") == b"x" * 700_000


async def test_a_reply_in_single_bytes_is_read_while_the_loop_turns():
    async def slowly(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        for byte in b"*2\r\n$2\r\nab\r\n:12\r\n":
            await stream.send_all(bytes([byte]))
            await trio.lowlevel.checkpoint()

    async with connected_to(slowly) as connection:
        assert await connection.execute("PING") == [b"ab", 12]


async def test_half_a_reply_holds_up_nobody_else():
    async with connected_to(saying(b"*2\r\n$5\r\nhal")) as connection:
        turns = 0
        with trio.move_on_after(0.1):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.execute, "PING")
                while True:
                    await trio.sleep(0.001)
                    turns += 1
        assert turns > 20
        assert not connection.is_reusable()


@pytest.mark.parametrize("answer", [b"", b"+O", b"*2\r\n+a\r\n"])
async def test_a_connection_that_ends_before_the_reply_does_is_lost(answer):
    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)

    async with connected_to(hang_up) as connection:
        with pytest.raises(ConnectionLost):
            await connection.execute("PING")
        assert not connection.is_reusable()


async def test_an_exchange_cancelled_before_its_reply_closes_the_connection():
    async with connected_to(saying()) as connection:
        with trio.move_on_after(0.01):
            await connection.execute("PING")
        assert not connection.is_reusable()
        with pytest.raises(ConnectionLost):
            await connection.execute("PING")


async def test_more_replies_than_commands_close_the_connection():
    async with connected_to(saying(b"+OK\r\n+OK\r\n")) as connection:
        assert await connection.execute("PING") == b"OK"
        assert not connection.is_reusable()


async def test_a_connection_at_rest_that_the_peer_closed_is_not_reusable():
    async with connected_to(_answer_once) as connection:
        assert await connection.execute("PING") == b"OK"
        await until_on_trio_clock(lambda: not connection.is_reusable())


async def _answer_once(stream: trio.SocketStream) -> None:
    await stream.receive_some()
    await stream.send_all(b"+OK\r\n")


async def test_several_commands_in_one_write_get_their_replies_in_order():
    async with connected_to(saying(b"+OK\r\n-ERR no\r\n:3\r\n")) as connection:
        first, second, third = await connection.execute_all([["A"], ["B"], ["C", 1]])
        assert (first, third) == (b"OK", 3)
        assert isinstance(second, ResponseError)
        assert connection.is_reusable()


async def test_a_receive_that_is_cancelled_loses_nothing_of_what_had_come():
    go_on = trio.Event()

    async def in_halves(stream: trio.SocketStream) -> None:
        await stream.send_all(b"$6\r\nabc")
        await go_on.wait()
        await stream.send_all(b"def\r\n")

    async with connected_to(in_halves) as connection:
        with trio.move_on_after(0.02):
            await connection.receive()
        go_on.set()
        assert await connection.receive() == b"abcdef"


REPLIES = st.recursive(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=30),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


def encoded(reply: object) -> bytes:
    match reply:
        case None:
            return b"$-1\r\n"
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(reply), reply)
        case list():
            return b"*%d\r\n" % len(reply) + b"".join(map(encoded, reply))
    raise AssertionError(reply)


class _Wire(trio.abc.Stream):
    """A stream that gives out bytes in the pieces it was made of, then ends."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def send_all(self, data: object) -> None: ...

    async def wait_send_all_might_not_block(self) -> None: ...

    async def aclose(self) -> None: ...


@given(st.lists(REPLIES, min_size=1, max_size=5), st.data())
def test_replies_are_the_same_however_the_wire_cuts_them(replies, data):
    wire = b"".join(map(encoded, replies))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=8)))
    pieces = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]

    async def read() -> list[object]:
        connection = ValkeyConnection(_Wire(pieces), socket=None)
        return [await connection.receive() for _ in replies]

    assert trio.run(read) == replies


@given(st.binary(max_size=200))
def test_any_bytes_are_replies_or_one_of_the_errors_of_a_connection(wire):
    async def read_all() -> None:
        connection = ValkeyConnection(_Wire([wire]), socket=None)
        while True:
            await connection.receive()

    with pytest.raises((ConnectionLost, InvalidResponse)):
        trio.run(read_all)
