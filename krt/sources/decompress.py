"""The bytes of a layer, decompressed piece by piece within bounds: gzip, zstd or plain, by its first bytes. Pure."""

import io
import zlib
from collections.abc import Iterator

import zstandard

from krt.core.bundle.tree import BundleInvalid

MOST_RATIO = 100  # of a layer's size before and after
_RATIO_FROM = 1024 * 1024  # a tar of one small file, padded with zeros, has a high ratio, too

_PIECE = 64 * 1024
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MOST_WINDOW = 8 * 1024 * 1024  # RFC 8878, section 3.1.1.1.2: a decoder should support that much


class LayerReader:
    """Reads the archive in a layer. `left` is how many bytes it may still give."""

    def __init__(self, layer: bytes, left: int) -> None:
        self._pieces = _pieces(layer)
        self._most_by_ratio = max(_RATIO_FROM, MOST_RATIO * len(layer))
        self._held = bytearray()
        self._read = 0
        self.left = left

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or those that are left. Raises BundleInvalid."""
        if size > self.left + len(self._held):
            raise BundleInvalid("it has more than 64 MiB, unpacked")
        while len(self._held) < size and (piece := next(self._pieces, b"")):
            self._take(piece)
        found = bytes(self._held[:size])
        del self._held[:size]
        return found

    def drain(self) -> None:
        """Read to the end. Bytes after the archive count, too. Raises BundleInvalid."""
        self._held.clear()
        for piece in self._pieces:
            self._take(piece)
            self._held.clear()

    def _take(self, piece: bytes) -> None:
        self._held += piece
        self._read += len(piece)
        self.left -= len(piece)
        if self.left < 0:
            raise BundleInvalid("it has more than 64 MiB, unpacked")
        if self._read > self._most_by_ratio:
            raise BundleInvalid(
                f"an archive in it grows to more than {MOST_RATIO} times its size when it is decompressed"
            )


def _pieces(layer: bytes) -> Iterator[bytes]:
    if layer.startswith(_GZIP):
        return _gunzipped(layer)
    if layer.startswith(_ZSTD):
        return _from_zstd(layer)
    return (layer[begin : begin + _PIECE] for begin in range(0, len(layer), _PIECE))


def _gunzipped(layer: bytes) -> Iterator[bytes]:
    """One member or several (RFC 1952)."""
    while layer:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while not member.eof:
            try:
                piece = member.decompress(layer, _PIECE)
            except zlib.error:
                raise BundleInvalid("an archive in it is not a whole gzip") from None
            layer = member.unconsumed_tail
            if not piece and not layer and not member.eof:
                raise BundleInvalid("an archive in it ends in the middle of its gzip")
            yield piece
        layer = member.unused_data


def _from_zstd(layer: bytes) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW)
    reader = decompressor.stream_reader(io.BytesIO(layer), read_size=_PIECE, read_across_frames=True)
    try:
        while piece := reader.read(_PIECE):
            yield piece
    except zstandard.ZstdError:
        raise BundleInvalid("an archive in it is not a whole zstd, or needs a window of more than 8 MiB") from None
