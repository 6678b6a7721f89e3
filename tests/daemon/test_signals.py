"""Signals to a running krt: those that stop it, those that nothing comes of, and that none ends it without a line."""

import os
import signal
import sys
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGQUIT, SIGTERM, Signals

import pytest
import trio

from tests.fakes.around import Around, Krt
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.process import Process, process, program

IGNORED = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")


def assert_stopped_in_order(running: Process, code: int) -> None:
    assert (code, "Traceback" in running.err) == (0, False), running.err
    assert running.said("stopped")[0]["in_time"] is True


@pytest.mark.parametrize("role", ["web", "worker", "all"])
async def test_what_is_no_order_to_stop_is_a_line(around: Around, role: str):
    """Seen to fail with SIGTERM and SIGINT as the only ones that are heard: the process was gone, without a line."""
    async with process(role, environ=around.of(role)) as running:
        await running.wait_said("ready")
        for times, name in enumerate(IGNORED, start=1):
            running.signal(Signals[name])
            said = await running.wait_said("signal_ignored", times=times)
            assert (said["signal"], said["level"]) == (name, "warning")
            assert "restart" in str(said["problem"])
        code, _ = await running.stopped()
        assert_stopped_in_order(running, code)


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="has no real-time signals")
async def test_real_time_signals_are_lines_with_their_names(around: Around):
    async with process("web", environ=around.of("web")) as running:
        await running.wait_said("ready")
        for number in (signal.SIGRTMIN, signal.SIGRTMIN + 3, signal.SIGRTMAX):
            os.kill(running.pid, number)
        await running.wait_said("signal_ignored", times=3)
        names = {said["signal"] for said in running.said("signal_ignored")}
        assert names == {"SIGRTMIN", "SIGRTMIN+3", "SIGRTMAX"}


@pytest.mark.parametrize("name", ["SIGQUIT", "SIGXCPU", "SIGPWR"])
@pytest.mark.parametrize("role", ["web", "worker"])
async def test_what_asks_for_an_end_stops_it_in_order(around: Around, role: str, name: str):
    if name not in Signals.__members__:
        pytest.skip("this system has no such signal")
    async with process(role, environ=around.of(role)) as running:
        await running.wait_said("ready")
        code, _ = await running.stopped(Signals[name])
        assert_stopped_in_order(running, code)
        assert running.said("stopping")[0]["signal"] == name


async def test_a_broken_pipe_and_a_pause_are_nothing(around: Around):
    async with process("web", environ=around.of("web")) as running:
        await running.wait_said("ready")
        for which in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH, signal.SIGURG):
            running.signal(which)
        await until_on_wall_clock(Krt.of(running).is_ready)
        code, _ = await running.stopped()
        assert_stopped_in_order(running, code)
        assert not running.said("signal_ignored")


async def test_a_storm_is_one_line_of_each_signal(around: Around):
    """Seen to fail with a line for each signal that is heard."""
    async with process("web", environ=around.of("web")) as running:
        await running.wait_said("ready")
        for _ in range(300):
            for name in IGNORED:
                running.signal(Signals[name])
            await trio.sleep(0.001)
        running.signal(SIGTERM)
        assert_stopped_in_order(running, await running.ended())
        lines = running.said("signal_ignored")  # what is heard after SIGTERM has a sentence of its own, once as well
        assert sorted(str(said["signal"]) for said in lines if "restart it" in str(said["problem"])) == sorted(IGNORED)
        assert len({(said["signal"], said["problem"]) for said in lines}) == len(lines)


@pytest.mark.parametrize("again", [SIGTERM, SIGINT, SIGQUIT, SIGHUP, signal.SIGUSR1])
async def test_one_more_while_it_stops_changes_nothing(around: Around, again: Signals):
    """Seen to fail where the first is the only one that is heard: the second ended the process after all the rest."""
    async with process("web", environ=around.of("web")) as running:
        await running.wait_said("ready")
        async with around.call_in_hand(Krt.of(running)):
            running.signal(SIGTERM)
            await running.wait_said("stopping")
            running.signal(again)
            said = await running.wait_said("signal_ignored")
            assert (said["signal"], "stopping" in str(said["problem"])) == (again.name, True)
            around.valkey.resume()
            assert_stopped_in_order(running, await running.ended())


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which signals are held or handled")
@pytest.mark.parametrize("which", [SIGHUP, signal.SIGUSR1, SIGTERM, SIGQUIT])
async def test_a_signal_during_the_start_is_not_lost_either(around: Around, which: Signals):
    """Seen to fail where handlers come with the loop: the process was gone while it read its settings."""
    async with process("web", environ=around.of("web")) as running:
        await until_on_wall_clock(lambda: takes_care_of(which, running.pid))
        running.signal(which)
        if which in {SIGTERM, SIGQUIT}:
            assert_stopped_in_order(running, await running.ended())
            assert running.said("stopping")[0]["signal"] == which.name
        else:
            assert (await running.wait_said("signal_ignored"))["signal"] == which.name
            await running.wait_said("ready")


# Sends a signal to itself when it is about to import the module, or to ask for it again; then it is `krt WORDS`.
AT_AN_IMPORT = """
import os, sys
which, at, *words = sys.argv[1:]
class Sends:
    def find_spec(self, name, path=None, target=None):
        if name == at:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), int(which))
sys.meta_path.insert(0, Sends())
from krt.cli.main import main
sys.exit(main(words))
"""


@pytest.mark.parametrize("module", ["krt.cli.roles", "trio", "krt.logs", "krt.settings.load", "krt.daemon.root"])
@pytest.mark.parametrize("which", [SIGHUP, SIGTERM, SIGINT])
async def test_a_signal_while_krt_is_imported_is_not_lost_either(around: Around, module: str, which: Signals):
    """Seen to fail with signals held from the settings on: the process was gone without a line."""
    words = (str(int(which)), module, "web")
    async with program("-c", AT_AN_IMPORT, *words, environ=around.of("web")) as running:
        if which is SIGHUP:
            assert (await running.wait_said("signal_ignored"))["signal"] == "SIGHUP"
            await running.wait_said("ready")
        else:
            assert_stopped_in_order(running, await running.ended())
            assert running.said("stopping")[0]["signal"] == which.name


async def test_bad_settings_are_reported_though_a_signal_waits(around: Around):
    """Seen to fail with the signal delivered first: the process was gone without a word."""
    words = (str(int(SIGTERM)), "krt.settings.load", "web", "--log-level=s")
    async with program("-c", AT_AN_IMPORT, *words, environ=around.of("web")) as running:
        assert await running.ended() == 2
    assert "LOG_LEVEL (or --log-level)" in running.err
    assert "Traceback" not in running.err


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which signals are blocked")
async def test_what_krt_all_dev_starts_hears_every_signal(around: Around):
    """Seen to fail with signals held for the whole start: nothing but SIGKILL ended the embedded Valkey."""
    async with process("all", "--dev", environ=around.of("all")) as running:
        await running.wait_said("ready")
        assert blocked_in_children(running.pid) == {"0000000000000000"}


def blocked_in_children(pid: int) -> set[str]:
    """The masks of blocked signals of all children of the process."""
    children = [
        child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    lines = [line for child in children for line in Path(f"/proc/{child}/status").read_text().splitlines()]
    return {line.split()[1] for line in lines if line.startswith("SigBlk")}


def takes_care_of(which: Signals, pid: int) -> bool:
    """Whether the process holds the signal back or handles it."""
    fields = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    caught, blocked = (int(fields[name], 16) for name in ("SigCgt", "SigBlk"))
    # A library that starts a program at its import holds everything back for a moment, SIGSEGV included.
    held = 0 if blocked & 1 << signal.SIGSEGV - 1 else blocked
    return bool((caught | held) & 1 << which - 1)


async def test_a_terminal_that_closes_ends_what_was_started_in_it(around: Around, tmp_path: Path):
    """Nobody would see any more that it is there, and holds its ports. Seen to fail with SIGHUP among the ignored."""
    starts = tmp_path / "starts.py"
    starts.write_text(
        "import os, pty, subprocess, sys\n"
        "ours, its = pty.openpty()\n"
        "krt = subprocess.Popen([sys.executable, '-m', 'krt', *sys.argv[1:]], stderr=its)\n"
        "os.close(its)\n"
        "said = b''\n"
        "while b'\"ready\"' not in said: said += os.read(ours, 4096)\n"
        "krt.send_signal(1)\n"
        "try:\n"
        "    while data := os.read(ours, 4096): said += data\n"
        "except OSError: pass\n"
        "print(said.decode())\n"
        "sys.exit(krt.wait())\n"
    )
    async with program(str(starts), "web", environ=around.of("web")) as running:
        assert await running.ended() == 0, running.out
        assert '"signal": "SIGHUP"' in running.out
        assert '"in_time": true' in running.out
