"""Layers over one another: whiteouts, compression, bounds."""

import io
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.sources import layers as module
from krt.sources.layers import tree_of
from tests.sources.images import gzipped, tar_of

PACKERS = (gzipped, zstandard.compress, bytes)
MIB = 1024 * 1024


def tree(*layers: list[tuple[str, bytes | None]]) -> FileTree:
    return tree_of(tar_of(*layer) for layer in layers)


def problem(*layers: bytes) -> str:
    with pytest.raises(BundleInvalid) as caught:
        tree_of(layers)
    return str(caught.value)


@pytest.mark.parametrize("packed", PACKERS)
def test_a_layer_is_judged_by_its_bytes(packed: Callable[[bytes], bytes]) -> None:
    archive = tar_of(("manifests/a.yaml", b"a" * 5000), ("manifests/empty", None))
    found = tree_of([packed(archive)])
    assert found.files == {"manifests/a.yaml": b"a" * 5000}
    assert found.is_folder("manifests/empty")


def test_several_members_and_frames_are_one_layer() -> None:
    archive = tar_of(("a", b"x" * 2000))
    for packed in PACKERS:
        assert tree_of([packed(archive[:700]) + packed(archive[700:])]).files == {"a": b"x" * 2000}


def test_an_upper_layer_replaces_removes_and_empties() -> None:
    lower = [("d/a", b"1"), ("d/b", b"2"), ("e/f/g", b"3"), ("e/h", b"4"), ("i", b"5"), ("j/k", b"6")]
    upper = [("d/.wh.a", b""), ("d/c", b"7"), ("e/.wh..wh..opq", b""), ("e/l", b"8"), ("i/m", b"9"), ("j", b"0")]
    assert tree(lower, upper).files == {"d/b": b"2", "d/c": b"7", "e/l": b"8", "i/m": b"9", "j": b"0"}


def test_a_whiteout_removes_nothing_of_its_own_layer() -> None:
    assert tree([("d/a", b"1")], [("d/a", b"2"), ("d/.wh.a", b""), ("d/.wh..wh..opq", b"")]).files == {"d/a": b"2"}


def test_a_whiteout_removes_a_folder_with_everything_in_it() -> None:
    found = tree([("d/a", b"1"), ("d/b/c", b"2"), ("da", b"3")], [(".wh.d", b"")])
    assert found.files == {"da": b"3"}
    assert not found.has_folder("d")


def test_an_opaque_root_removes_all() -> None:
    assert tree([("a", b"1"), ("b/c", b"2")], [(".wh..wh..opq", b""), ("d", b"3")]).files == {"d": b"3"}


@pytest.mark.parametrize("packed", PACKERS[:2])
def test_a_bomb_is_stopped_by_its_ratio_and_its_memory_is_bounded(packed: Callable[[bytes], bytes]) -> None:
    """Seen to fail without the ratio: 60 MiB of zeros are no more than a bundle may have."""
    layer = packed(tar_of(("a", bytes(60 * MIB))))
    tracemalloc.start()
    assert problem(layer) == "an archive in it grows to more than 100 times its size when it is decompressed"
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    tracemalloc.stop()


def test_all_layers_together_have_64_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    layer = tar_of(("a", b"x" * 30_000))
    assert tree_of([layer] * 2)
    assert problem(layer, layer, layer) == "it has more than 64 MiB, unpacked"
    assert problem(tar_of(("a", b"x" * 110_000))) == "it has more than 64 MiB, unpacked"


def test_what_follows_the_archive_counts_too() -> None:
    assert problem(gzipped(tar_of(("a", b"")) + bytes(65 * MIB))).startswith("an archive in it grows")


def test_all_layers_together_have_10_000_files() -> None:
    layer = tar_of(*((f"d/{number}", b"") for number in range(5000)))
    more = tar_of(*((f"e/{number}", b"") for number in range(5000)))
    assert len(tree_of([layer, more]).files) == 10_000
    assert problem(layer, more, tar_of(("one-more", b""))) == "it has more than 10000 files"


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (gzipped(tar_of(("a", b"x")))[:-9], "an archive in it ends in the middle of its gzip"),
        (gzipped(tar_of(("a", b"x")))[:-8] + bytes(8), "an archive in it is not a whole gzip"),
        (b"\x1f\x8b" + bytes(30), "an archive in it is not a whole gzip"),
        (
            b"\x28\xb5\x2f\xfd" + b"\xff" * 30,
            "an archive in it is not a whole zstd, or needs a window of more than 8 MiB",
        ),
        (b"PK\x03\x04", "an archive in it is not a tar"),
    ],
)
def test_a_damaged_layer_is_told_as_that(layer: bytes, said: str) -> None:
    assert problem(layer) == said


def test_a_window_that_needs_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    made = io.BytesIO()
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(made, closefd=False) as writer:
        writer.write(tar_of(("a", b"x")))
    assert "needs a window of more than 8 MiB" in problem(made.getvalue())


@given(st.sampled_from([b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b""]), st.binary(max_size=300))
def test_any_bytes_are_a_layer_or_refused(start: bytes, rest: bytes) -> None:
    with suppress(BundleInvalid):
        tree_of([start + rest])
