"""Fetches one commit of a git repository as a pack, by the smart protocol, depth 1.

dulwich speaks the protocol, in a thread; every byte that it reads or sends goes through Trio, so deadlines and
cancellation hold, and every byte is counted. Its own HTTP client, which follows redirects and reads the machine's
configuration of git, is not used, and neither are its repositories: nothing is checked out, and no hook runs.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from dulwich.client import AbstractHttpGitClient, GitClient, TraditionalGitClient
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository
from dulwich.objects import ObjectID
from dulwich.protocol import Protocol
from dulwich.refs import Ref

from krt.core.bundle.tree import MOST_BYTES
from krt.sources.errors import SourceRefused

# dulwich warns of each word in a list of references that it does not know: a server could fill krt's log.
logging.getLogger("dulwich").setLevel(logging.CRITICAL)

MOST_REFS_BYTES = 16 * 1024 * 1024  # that a server sends before the pack
NOT_OUR_REF = "not our ref"  # of a commit that the server does not have or give (git's upload-pack.c)
_MOST_SAID = 200  # characters of a server's own sentence
_SHA1_DIGITS = 40
# Raised by dulwich for bytes that are not the protocol.
_FAULTS = (ValueError, IndexError, KeyError, AssertionError, AttributeError, TypeError)


class GitHangup(SourceRefused):
    """The server ended the connection without an error message. ssh may know why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The commit to fetch, by its name or by a reference such as `refs/heads/main`. One of the two is ""."""

    commit: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class FetchedPack:
    """A pack, and the name of the commit or tag in it that was wanted."""

    name: str
    pack: bytes


def fetch_pack(client: GitClient, host: str, path: str, wanted: Wanted) -> FetchedPack:
    """Fetch. Blocks: call it in a thread. Raises SourceRefused, and the errors of the client's calls."""
    fetched = _Fetch(host, wanted)
    prefix = wanted.reference or "HEAD"
    try:
        client.fetch_pack(path, fetched.choose, _NoHistory(), fetched.take, depth=1, ref_prefix=[prefix.encode()])
    except NotGitRepository:
        raise SourceRefused(f"{host} has no such repository") from None
    except HangupException:
        raise GitHangup(_nothing(host, wanted)) from None
    except GitProtocolError as error:
        is_unknown = NOT_OUR_REF in str(error)
        raise SourceRefused(_nothing(host, wanted) if is_unknown else f"{host} refuses: {said(str(error))}") from None
    except _FAULTS:
        raise SourceRefused(f"{host} answers with something that is not git's protocol") from None
    if not fetched.pack:
        raise SourceRefused(_nothing(host, wanted))
    return FetchedPack(fetched.name, bytes(fetched.pack))


def said(text: str) -> str:
    """The first line of a server's message, without control characters and cut, to be quoted."""
    line = text.strip().partition("\n")[0]
    return "".join(letter for letter in line if letter.isprintable())[:_MOST_SAID] or "without a reason"


def _nothing(host: str, wanted: Wanted) -> str:
    if not wanted.commit:
        return f"{host} ended the connection before it had sent {wanted.reference}"
    return f"{host} does not give commit {wanted.commit}: it has none, or gives only the tips of branches and tags"


class _Fetch:
    """The state of one fetch: what was chosen, and the pack so far."""

    def __init__(self, host: str, wanted: Wanted) -> None:
        self._host = host
        self._wanted = wanted
        self.name = ""
        self.pack = bytearray()

    def choose(self, refs: Mapping[Ref, ObjectID], *_: Any, **__: Any) -> list[ObjectID]:
        name = ObjectID(self._wanted.commit.encode()) or refs.get(Ref(self._wanted.reference.encode()))
        if name is None:
            raise SourceRefused(f"{self._host} has no {self._wanted.reference}")
        if len(name) != _SHA1_DIGITS or any(len(each) != _SHA1_DIGITS for each in refs.values()):
            raise SourceRefused("the repository names its objects by SHA-256, which krt does not read")
        self.name = name.decode()
        return [name]

    def take(self, data: bytes) -> int:
        self.pack += data
        if len(self.pack) > MOST_BYTES:
            raise SourceRefused(f"the repository has more than {MOST_BYTES // 1024 // 1024} MiB at this commit, packed")
        return len(data)


class _NoHistory:
    """krt has no commit yet that the server could leave out."""

    shallow: frozenset[bytes] = frozenset()

    def __next__(self) -> None:
        return None

    def ack(self, sha: bytes) -> None:
        """Called if the server has a commit that krt named. krt names none."""

    def nak(self) -> None:
        """Called if the server has none of the commits that krt named."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """The parts of an answer that dulwich reads. `redirect_location` is "" unless the answer came from another URL."""

    body: bytes = field(repr=False)
    content_type: str
    redirect_location: str = ""

    def close(self) -> None:
        """The body was read as a whole."""


Ask = Callable[[str, Mapping[str, str], bytes], HttpReply]  # URL, headers and body, b"" for a GET -> the answer


class HttpPackClient(AbstractHttpGitClient):
    """Sends the requests of dulwich through `ask`."""

    def __init__(self, url: str, ask: Ask) -> None:
        super().__init__(url, thin_packs=False, quiet=True)
        self._ask = ask

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        *_: Any,
        **__: Any,
    ) -> tuple[Any, Callable[[int], bytes]]:
        reply = self._ask(url, headers or {}, data if isinstance(data, bytes) else b"".join(data or ()))
        return reply, BytesIO(reply.body).read


class StreamPackClient(TraditionalGitClient):
    """Speaks with `git upload-pack`: `receive` gives the next bytes, or b"" at the end, and `send` sends bytes."""

    def __init__(self, receive: Callable[[], bytes], send: Callable[[bytes], None]) -> None:
        super().__init__(thin_packs=False, quiet=True)
        self._receive = receive
        self._send = send
        self._held = bytearray()

    def _connect(self, *_: Any, **__: Any) -> tuple[Protocol, Callable[[], bool], None]:
        return Protocol(self._read, self._send), lambda: False, None

    def _read(self, size: int) -> bytes:
        while len(self._held) < size and (piece := self._receive()):
            self._held += piece
        found = bytes(self._held[:size])
        del self._held[:size]
        return found
