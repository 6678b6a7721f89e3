"""The reader of tar archives, compared with tarfile, and against archives that nobody makes by accident."""

import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krt.core.bundle.tree import BundleInvalid
from krt.sources.tar_reader import read_tar
from tests.sources.images import special, tar_of

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
A_HEADER = tar_of(("a", b"x"))[:512]


def entries(archive: bytes) -> list[tuple[str, bytes | None]]:
    return [(entry.path, entry.content) for entry in read_tar(io.BytesIO(archive).read)]


def problem(archive: bytes) -> str:
    with pytest.raises(BundleInvalid) as caught:
        entries(archive)
    return str(caught.value)


def with_field(begin: int, value: bytes) -> bytes:
    """A header with these bytes in it, and the checksum that it then has."""
    header = bytearray(A_HEADER)
    header[begin : begin + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + b"x".ljust(512, b"\0") + bytes(1024)


names = st.text(st.characters(categories=["L", "N"], include_characters="-_. é"), min_size=1, max_size=60).filter(
    lambda name: name not in {".", ".."} and name.isprintable()
)
paths = st.lists(names, min_size=1, max_size=6).map("/".join)


@settings(max_examples=150)
@given(st.dictionaries(paths, st.none() | st.binary(max_size=1500), max_size=5), st.sampled_from(FORMATS[1:]))
def test_an_archive_of_tarfile_is_read_as_it_was_written(files: dict[str, bytes | None], form: int) -> None:
    assert entries(tar_of(*files.items(), archive_format=form)) == [*files.items()]


def test_long_names_are_read_in_every_format() -> None:
    for form in FORMATS:
        path = f"{'d' * 90}/{'e' * 60}"
        assert entries(tar_of((path, b"x"), (f"{path}2", None), archive_format=form)) == [
            (path, b"x"),
            (f"{path}2", None),
        ]
    for form in FORMATS[1:]:
        assert entries(tar_of(("n" * 300, b"x"), archive_format=form)) == [("n" * 300, b"x")]


@pytest.mark.parametrize("name", ["./a", "a/", "./", "a//b", "a/./b"])
def test_paths_are_read_as_one_writes_them(name: str) -> None:
    [(path, _)] = entries(tar_of((name, None))) or [("", None)]
    assert path == "/".join(part for part in name.split("/") if part not in {"", "."})


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (tar_of(("../x", b"")), "a tar archive has a path with ..: a bundle's files lie below its root"),
        (tar_of(("a/../../x", b"")), "a tar archive has a path with ..: a bundle's files lie below its root"),
        (tar_of(("/etc/passwd", b"")), "a tar archive has an absolute path: a bundle's paths are relative"),
        (
            tar_of(special("a", tarfile.SYMTYPE, "/etc/passwd")),
            "a is a symbolic link: a bundle has regular files and folders only",
        ),
        (tar_of(special("a", tarfile.LNKTYPE, "b")), "a is a hard link: a bundle has regular files and folders only"),
        (tar_of(special("a", tarfile.CHRTYPE)), "a is a device: a bundle has regular files and folders only"),
        (tar_of(special("a", tarfile.BLKTYPE)), "a is a device: a bundle has regular files and folders only"),
        (tar_of(special("a", tarfile.FIFOTYPE)), "a is a pipe: a bundle has regular files and folders only"),
        (with_field(156, b"S"), "a is a sparse file: a bundle has regular files and folders only"),
        (with_field(156, b"Z"), "a is of a kind that krt does not know in a tar archive"),
        (tar_of(("a\x1bb", b"")), "a tar archive has a path that is not printable, or longer than 4096 characters"),
        (tar_of(("a", b"x" * 600))[:700], "a tar archive ends in the middle of a file"),
        (tar_of(("a", b"x"))[:1024] + A_HEADER[:100], "a tar archive has a damaged header"),
        (tar_of(("a", b"x"))[:1024] + b"\1" * 512, "a tar archive has a damaged header"),
        (tar_of(("a", b"x"))[:1536] + b"\1" * 512, "a tar archive has a damaged end"),
        (with_field(124, b"\xff" * 12), "a tar archive has a damaged header"),
        (with_field(124, b"-0000000001\0"), "a tar archive has a damaged header"),
        (with_field(0, b"\xff\xfe"), "a tar archive has a name that is not UTF-8"),
        (with_field(0, b"\0"), "a file in a tar archive has no name"),
        (with_field(156, b"5"), "a tar archive has an extended header that is too large, or a folder with content"),
        (
            with_field(124, b"77777777777\0" + b" " * 20 + b"x"),
            "a tar archive has an extended header that is too large, or a folder with content",
        ),
        (b"just a file, and no archive", "an archive in it is not a tar"),
        (b"kind: Deployment\n" * 100, "an archive in it is not a tar"),
    ],
)
def test_what_no_bundle_has_is_refused(archive: bytes, said: str) -> None:
    assert problem(archive) == said


def pax(records: bytes) -> bytes:
    """An extended header, and a file `a` after it."""
    header = bytearray(with_field(156, b"x")[:512])
    header[124:136] = b"%011o\0" % len(records)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + records.ljust(-(-len(records) // 512) * 512, b"\0") + tar_of(("a", b"x"))


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (b"13 size=-512\n", "a tar archive has a damaged extended header"),
        (b"99999999999999999999999 path=x\n", "a tar archive has a damaged extended header"),
        (b"0 path=x\n", "a tar archive has a damaged extended header"),
        (b"path=x\n", "a tar archive has a damaged extended header"),
        (b"18 path=../secret\n", "a tar archive has a path with ..: a bundle's files lie below its root"),
        (b"22 GNU.sparse.major=1\n", "a tar archive has a sparse file: a bundle has regular files and folders only"),
        (b"13 size=9999\n", "a tar archive ends in the middle of a file"),
    ],
)
def test_extended_headers_that_lie_are_refused(records: bytes, said: str) -> None:
    """With the first of them, tarfile of Python 3.13.0 reads without an end."""
    assert problem(pax(records)) == said


@given(st.binary(max_size=2000), st.booleans())
def test_any_bytes_are_an_archive_or_refused(content: bytes, begins_well: bool) -> None:
    with suppress(BundleInvalid):
        entries(tar_of(("a", b"x"))[:1024] + content if begins_well else content)


@given(st.integers(0, 511), st.binary(min_size=1, max_size=20))
def test_any_header_is_read_or_refused(begin: int, value: bytes) -> None:
    with suppress(BundleInvalid):
        entries(with_field(begin, value[: 512 - begin]))
