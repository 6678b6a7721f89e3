"""krt notify --wait against krt itself: what its answers are, the fakes of the other tests only copy."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, a_process


@pytest.fixture
def pasted() -> Iterator[str]:
    """The line that `krt all --dev` prints; what runs behind it ends with the test."""
    with a_process(["all", "--dev", "--listen-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"], {}) as process:
        assert process.stdout is not None
        yield next(line for line in iter(process.stdout.readline, "") if line.startswith("KRT_URL=")).strip()


def run(line: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    command = ["sh", "-c", line]
    return subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, timeout=25, check=False)


def states(report: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {f"{target['namespace']}/{target['name']}": target["state"] for target in report["targets"]}


def test_a_dry_run_and_a_rollout_are_followed_to_their_end(pasted: str, tmp_path: Path) -> None:
    summary = shlex.quote(str(tmp_path / "summary.md"))
    dry = run(f"{pasted} --wait --json --dry-run", tmp_path)
    real = run(f"GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY={summary} {pasted} --wait --json", tmp_path)
    assert (dry.returncode, real.returncode) == (0, 0), dry.stderr + real.stderr
    document = json.loads(dry.stdout)
    assert document["state"] == "done"
    assert "would_restart" in states(document["report"]).values()
    document = json.loads(real.stdout)
    assert document["state"] == "ready"
    assert {"ready", "skipped"} == set(states(document["report"]).values())
    assert "progressing" in real.stderr
    assert ": ready after" in real.stderr
    assert "::endgroup::" in real.stderr
    assert "| Deployment" in (tmp_path / "summary.md").read_text()
