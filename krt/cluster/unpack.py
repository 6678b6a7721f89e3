"""Unpacks the answers that krt lets the API server compress, piece by piece.

A list of 10,000 Deployments is 78 MB, and 3 to 15 MB as gzip. Reading it costs less processor time that way, here and
in the API server together: most of it is TLS, HTTP and the loop, for every 16 KiB (docs/performance.md).
"""

import zlib
from collections.abc import Callable, Iterator

PIECE_BYTES = 256 * 1024  # unpacked within a millisecond; a chunk may unpack to a thousand times its size
_GZIP = zlib.MAX_WBITS | 16  # zlib's own way to say: with gzip's header and check sum


class UnpackError(Exception):
    """What came is not what its Content-Encoding says."""


class Unpacker:
    """One body, as its Content-Encoding has it: gzip (RFC 1952, one member or several), or as it came."""

    def __init__(self, content_encoding: str) -> None:
        """Raises UnpackError for an encoding that krt never asks for."""
        is_packed = content_encoding.lower() in {"gzip", "x-gzip"}  # RFC 9110, 8.4.1.3: alike
        if content_encoding and not is_packed:
            raise UnpackError(f"an answer with Content-Encoding {content_encoding!r}, which was not asked for")
        self.pieces: Callable[[bytes], Iterator[bytes]] = self._unpacked if is_packed else _as_it_came
        self._member = zlib.decompressobj(_GZIP)
        self._is_inside = is_packed

    def finish(self) -> None:
        """The body has ended. Raises UnpackError in the middle of gzip's own."""
        if self._is_inside:
            raise UnpackError("an answer that ends in the middle of its gzip")

    def _unpacked(self, chunk: bytes) -> Iterator[bytes]:
        """What the chunk adds, in pieces of PIECE_BYTES at most. Raises UnpackError."""
        while chunk:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            try:
                yield self._member.decompress(chunk, PIECE_BYTES)
            except zlib.error as error:
                raise UnpackError(f"an answer that is no gzip: {error}") from error
            self._is_inside = not self._member.eof
            chunk = self._member.unconsumed_tail or self._member.unused_data


def _as_it_came(chunk: bytes) -> Iterator[bytes]:
    yield chunk
