"""Whatever a git server says, a fetch ends with a pack or with one sentence."""

from collections.abc import Mapping
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from krt.sources.errors import SourceRefused
from krt.sources.git_client import HttpPackClient, HttpReply, StreamPackClient, Wanted, fetch_pack

SHA = "0123456789abcdef0123456789abcdef01234567"
WANTED = (Wanted("", "refs/heads/main"), Wanted(SHA))
WORDS = (
    b"# service=git-upload-pack\n",
    b"version 2\n",
    b"version 1\n",
    b"ls-refs\n",
    b"fetch=shallow packfile-uris\n",
    b"fetch",
    b"object-format=sha256\n",
    f"{SHA} refs/heads/main\0side-band-64k shallow ofs-delta symref=HEAD\n".encode(),
    f"{SHA} refs/heads/main\n".encode(),
    f"{SHA} refs/heads/main peeled:x symref-target:\n".encode(),
    f"{SHA} capabilities^{{}}\0shallow\n".encode(),
    b"unborn HEAD symref-target:refs/heads/main\n",
    f"shallow {SHA}\n".encode(),
    b"shallow-info\n",
    b"packfile\n",
    b"packfile-uris\n",
    b"sha1 https://example.com/x\n",
    b"acknowledgments\n",
    b"NAK\n",
    f"ACK {SHA} ready\n".encode(),
    b"ERR no\n",
    b"\1PACK",
    b"\2progress",
    b"\3fatal",
    b"\4",
)
packets = st.lists(st.sampled_from(WORDS) | st.binary(max_size=20) | st.sampled_from([None, 1, 2]), max_size=12)


def lines(words: list[bytes | int | None]) -> bytes:
    """Packets; None is a flush, a number the packet of that special length."""
    return b"".join(
        b"%04x" % (word or 0) if word is None or isinstance(word, int) else b"%04x%s" % (len(word) + 4, word)
        for word in words
    )


@given(st.lists(packets, min_size=1, max_size=3), st.sampled_from(WANTED), st.binary(max_size=8))
def test_any_answers_over_http_end_in_a_pack_or_a_sentence(
    answers: list[list[bytes | int | None]], wanted: Wanted, rest: bytes
) -> None:
    left = [lines(words) + rest for words in answers]

    def ask(url: str, headers: Mapping[str, str], content: bytes) -> HttpReply:
        kind = "result" if content else "advertisement"
        return HttpReply(left.pop(0) if left else b"", f"application/x-git-upload-pack-{kind}")

    with suppress(SourceRefused):
        fetch_pack(HttpPackClient("https://example.com/x", ask), "example.com", "", wanted)


@given(packets, st.sampled_from(WANTED), st.binary(max_size=8), st.integers(1, 50))
def test_any_answers_over_ssh_end_in_a_pack_or_a_sentence(
    words: list[bytes | int | None], wanted: Wanted, rest: bytes, size: int
) -> None:
    said = lines(words) + rest
    pieces = [said[begin : begin + size] for begin in range(0, len(said), size)]
    client = StreamPackClient(lambda: pieces.pop(0) if pieces else b"", lambda _: None)
    with suppress(SourceRefused):
        fetch_pack(client, "example.com", "/x", wanted)
