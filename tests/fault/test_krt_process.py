"""A process that is updated keeps the version that it began with until it is started again."""

from pathlib import Path

import trio

from tests.fakes.pace import PATIENCE_SECONDS
from tests.fault.krt_process import HERE, Krt

# It says where it is, waits until the file `later` exists, and imports a second module.
_MAIN = """
import os, time
print("began", flush=True)
while not os.path.exists(os.environ["LATER"]):
    time.sleep(0.01)
import krt.late
print("late", krt.late.__name__, flush=True)
"""


async def test_an_update_changes_no_process_that_still_imports(tmp_path: Path) -> None:
    """Seen to fail when `update` itself changed the folder: a worker ended with ModuleNotFoundError."""
    code, later = tmp_path / "code", tmp_path / "later"
    (code / "krt").mkdir(parents=True)
    for name, text in {"__init__": "", "__main__": _MAIN, "late": ""}.items():
        (code / "krt" / f"{name}.py").write_text(text)
    krt = Krt("worker", tmp_path, {"LATER": str(later)}, code=code)
    krt.spawn()
    try:
        await _said(krt, "began")
        krt.update()
        later.touch()
        await _said(krt, "late krt.late")
        assert (tmp_path / "worker.code").resolve() == code
    finally:
        await krt.process.kill()
    krt.spawn()
    assert (tmp_path / "worker.code").resolve() == HERE
    await krt.process.kill()


async def _said(krt: Krt, words: str) -> None:
    with trio.fail_after(PATIENCE_SECONDS):
        while words not in krt.log.read_text():
            assert krt.process.running, krt.process.last_output()
            await trio.sleep(0.02)
