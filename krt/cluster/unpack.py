"""Decompresses answers of the API server, piece by piece.

A list of 10,000 Deployments has 78 MB, and 3 to 15 MB as gzip. With gzip, krt and the API server together need less
processor time: TLS, HTTP and the loop, which cost most of it, have fewer bytes to handle (docs/performance.md).
"""

import zlib
from collections.abc import Callable, Iterator

PIECE_BYTES = 256 * 1024  # decompressed within a millisecond; a chunk may grow to a thousand times its size
_GZIP = zlib.MAX_WBITS | 16  # zlib's flag for gzip's header and checksum


class UnpackError(Exception):
    """The body does not fit its Content-Encoding."""


class Unpacker:
    """Decompresses one body by its Content-Encoding: gzip (RFC 1952, one member or several), or none."""

    def __init__(self, content_encoding: str) -> None:
        """Raises UnpackError for an encoding that krt never asks for."""
        is_packed = content_encoding.lower() in {"gzip", "x-gzip"}  # RFC 9110, 8.4.1.3: alike
        if content_encoding and not is_packed:
            raise UnpackError(f"an answer with Content-Encoding {content_encoding!r}, which was not asked for")
        self.pieces: Callable[[bytes], Iterator[bytes]] = self._unpacked if is_packed else _as_it_came
        self._member = zlib.decompressobj(_GZIP)
        self._is_inside = is_packed

    def finish(self) -> None:
        """Note that the body has ended. Raises UnpackError if its gzip is not complete."""
        if self._is_inside:
            raise UnpackError("an answer that ends in the middle of its gzip")

    def _unpacked(self, chunk: bytes) -> Iterator[bytes]:
        """The decompressed chunk, in pieces of at most PIECE_BYTES. Raises UnpackError."""
        while chunk:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP)
            try:
                yield self._member.decompress(chunk, PIECE_BYTES)
            except zlib.error as error:
                raise UnpackError(f"an answer that is not gzip: {error}") from error
            self._is_inside = not self._member.eof
            chunk = self._member.unconsumed_tail or self._member.unused_data


def _as_it_came(chunk: bytes) -> Iterator[bytes]:
    yield chunk
