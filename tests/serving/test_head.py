"""Properties of the judge of heads; its verdicts shape by shape stand in test_transport.py."""

import re

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.routing import Map

from krt.serving.head import BadHeadError, HeadLimits, HeadReader

LIMITS = HeadLimits(max_bytes=2000, max_line_bytes=1000, max_fields=10)
END = b"\r\n\r\n"
TAKEN_OUT = re.compile(rb"\n(?:upgrade|expect):", re.IGNORECASE)
REWRITTEN = re.compile(rb"\r\n|[A-Z]+ http://")  # an empty line before the request line, and an absolute target

noise = st.binary(max_size=8)
line = st.one_of(
    st.sampled_from(
        [
            b"GET / HTTP/1.1",
            b"POST /event?x HTTP/1.0",
            b"GET http://krt.example/ HTTP/1.1",
            b"Host: krt.example",
            b"host:[::1]:80",
            b"Content-Length: 3",
            b"content-length:0",
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: gzip",
            b"Expect: 100-continue",
            b"Connection: close",
            b"X-A:\tb \t",
            b" folded",
            b"Upgrade: h2c",
            b"",
        ]
    ),
    st.builds(lambda name, value: name + b":" + value, st.binary(max_size=5), st.binary(max_size=12)),
    noise,
)
head = st.builds(
    lambda first, lines, end, rest: b"\r\n".join([first, *lines]) + end + rest,
    st.one_of(
        st.just(b"GET / HTTP/1.1\r\nHost: a"),
        st.just(b"\r\nPOST http://krt.example/ HTTP/1.1\r\nhost: krt.example"),
        line,
    ),
    st.lists(line, max_size=6),
    st.sampled_from([END, END, END, b"\r\n", b""]),
    noise,
)


def verdict(pieces):
    """What came out, or the refusal; None when more is wanted."""
    reader = HeadReader(LIMITS)
    for at, piece in enumerate(pieces):
        try:
            received = reader.feed(piece)
        except BadHeadError as refused:
            return refused.status
        if received is not None:
            return received + b"".join(pieces[at + 1 :])
    return None


@given(head)
@example(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\n")
def test_bytes_that_come_singly_are_judged_like_bytes_that_come_together(sent):
    singly = verdict([sent[i : i + 1] for i in range(len(sent))])
    together = verdict([sent])
    assert type(singly) is type(together)
    if not isinstance(singly, int):
        assert singly == together


@given(head)
@example(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nrest")
@example(b"GET http://krt.example/ HTTP/1.1\r\nHost: krt.example\r\n\r\n")
@example(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
def test_h11_reads_every_accepted_head_and_reads_it_the_same(sent):
    accepted = verdict([sent])
    if not isinstance(accepted, bytes):
        return
    if not TAKEN_OUT.search(sent.partition(END)[0]) and not REWRITTEN.match(sent):
        assert accepted == sent
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(accepted)
    request = connection.next_event()
    assert isinstance(request, h11.Request)
    first, *lines = sent.removeprefix(b"\r\n").partition(END)[0].split(b"\r\n")
    lines = [line for line in lines if not TAKEN_OUT.match(b"\n" + line)]
    assert first.replace(b" http://krt.example/ ", b" / ") == b"%b %b HTTP/%b" % (
        request.method,
        request.target,
        request.http_version,
    )
    assert [name for name, _ in request.headers] == [name.partition(b":")[0].lower() for name in lines]
    assert not connection.they_are_waiting_for_100_continue
    assert sent.endswith(connection.trailing_data[0])


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal(sent):
    verdict([sent])


@pytest.mark.parametrize("filling", [b"a", b"\r\n", b"a: b\r\n"])
def test_no_head_is_collected_beyond_its_limit(filling):
    refused = verdict([b"GET /"] + [filling] * LIMITS.max_bytes)
    assert refused in {400, 414, 431}


def test_nothing_that_follows_a_head_that_was_given_up_is_taken_for_one():
    reader = HeadReader(LIMITS)
    assert reader.feed(b"GET / HTTP/1.1\r\nX-A: ") is None
    reader.give_up()
    assert reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") is None
    assert (reader.head, reader.size_bytes) == (None, 0)


@given(st.from_regex(rb"[0-9A-Za-z._\[\]:-]{0,70}", fullmatch=True))
@example(b"krt..example")
@example(b"a." * 40)
def test_a_host_that_is_let_in_is_one_for_the_app_as_well(host):
    """Werkzeug binds its routes to it before any error handler is there."""
    if verdict([b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host]) not in {400, 414, 431}:
        Map().bind(host.decode())
