"""The file of a state record: its mode, its lock, and what is left of it if something fails."""

import fcntl
import os
import resource
import stat
from pathlib import Path

import pytest

from krt.core.delivery.state_record import StateRecord
from krt.delivery.state_file import StateFile, StateHeld, StateUnusable

OK = StateRecord("ok", {"bundle_sha256": "12ab"})


@pytest.fixture
def state(tmp_path: Path) -> StateFile:
    return StateFile(tmp_path / "modules" / "m" / "instances" / "one.json")


def test_a_record_is_read_as_it_was_written_and_its_owner_alone_may_read_it(state: StateFile) -> None:
    before = os.umask(0)
    try:
        with state.held():
            assert state.read() is None
            state.write(OK)
    finally:
        os.umask(before)
    assert state.read() == OK
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o600
    assert sorted(each.name for each in state.path.parent.iterdir()) == [".one.json.lock", "one.json"]


def test_only_one_run_holds_it(state: StateFile) -> None:
    """Seen to fail with a shared lock."""
    with (
        state.held(),
        pytest.raises(StateHeld, match=rf"^another run, process {os.getpid()}, is under way"),
        StateFile(state.path).held(),
    ):
        pass
    with state.held():
        pass


def test_a_record_of_a_newer_program_is_put_back_as_it_was(state: StateFile) -> None:
    content = b'{"status": "ok", "of_a_newer_program": [1]}'
    state.path.parent.mkdir(parents=True)
    state.path.write_bytes(content)
    assert state.read() == StateRecord("ok")
    state.write(OK)
    state.restore()
    assert state.path.read_bytes() == content


def test_a_symbolic_link_stays_and_the_file_that_it_names_is_written(tmp_path: Path) -> None:
    """Seen to fail: the link was replaced, and two links to one file had two locks."""
    there, links = tmp_path / "there" / "one.json", [tmp_path / "a.json", tmp_path / "b.json"]
    for link in links:
        link.symlink_to(there)
    with StateFile(links[0]).held():
        StateFile(links[0]).write(OK)
        with pytest.raises(StateHeld), StateFile(links[1]).held():
            pass
    assert all(link.is_symlink() for link in links)
    assert StateFile(links[1]).read() == StateFile(there).read() == OK


@pytest.mark.parametrize("content", [b"{", b"[]", b"x" * (1024 * 1024 + 1)])
def test_what_is_no_record_is_told_and_kept(state: StateFile, content: bytes) -> None:
    state.path.parent.mkdir(parents=True)
    state.path.write_bytes(content)
    with pytest.raises(StateUnusable, match=r"^the state record .*one\.json"):
        state.read()
    assert state.path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(StateUnusable, match="cannot be written: File exists"),
        StateFile(tmp_path / "file" / "one.json").held(),
    ):
        pass


def test_a_full_disk_is_told_when_the_record_is_written(
    state: StateFile,
) -> None:
    """Seen to fail with the lock's number written outside of `suppress`: the command ended with a traceback."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with state.held(), pytest.raises(StateUnusable, match="cannot be written: File too large"):
            state.write(OK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert state.read() is None


def test_a_file_system_without_locks_is_told(state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with pytest.raises(StateUnusable, match="cannot be locked: Operation not supported"), state.held():
        pass


def test_a_write_that_fails_leaves_the_old_record_and_nothing_else(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail with the temporary file left."""
    with state.held():
        state.write(OK)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateUnusable, match="cannot be written: No space left on device"):
        state.write(StateRecord("error"))
    assert state.read() == OK
    assert len(list(state.path.parent.iterdir())) == 2
