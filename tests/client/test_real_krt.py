"""krt notify --wait against krt itself: what its answers are, the fakes of the other tests only copy."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import ROOT, a_process
from tests.client.runner import Runner
from tests.fakes.pace import PATIENCE_SECONDS


@pytest.fixture
def pasted() -> Iterator[str]:
    """The line that `krt all --dev` prints; what runs behind it ends with the test."""
    with a_process(["all", "--dev", "--listen-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"], {}) as process:
        assert process.stdout is not None
        yield next(line for line in iter(process.stdout.readline, "") if line.startswith("KRT_URL=")).strip()


def run(line: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    command = ["sh", "-c", line]
    return subprocess.run(
        command, cwd=directory, env=environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the action is for Linux runners")
def test_the_step_of_the_action_follows_a_rollout_from_a_token_to_the_summary(pasted: str, tmp_path: Path) -> None:
    """The dev issuer is the token service; krt web checks what it gives by its published keys."""
    environ = dict(word.split("=", 1) for word in shlex.split(pasted) if word.split("=", 1)[0].isupper())
    runner = Runner(tmp_path, environ)
    code, out, err = runner.run({"image": "ghcr.io/acme/shop:dev", "timeout": f"{PATIENCE_SECONDS:.0f}s"})
    assert (code, out.startswith("the rollout is ready: ")) == (0, True), out + err
    assert "::group::rollout of ghcr.io/acme/shop (dev)" in err
    assert "| Deployment shop" in (tmp_path / "summary.md").read_text()
    code, out, err = runner.run({"image": "ghcr.io/acme/nobody", "tags": "dev", "timeout": f"{PATIENCE_SECONDS:.0f}s"})
    assert code == 1
    assert "::error title=krt notify::nothing was restarted: no workload runs ghcr.io/acme/nobody with tag dev" in err
    code, out, err = runner.run({"image": "ghcr.io/other/shop", "tags": "dev"})
    assert code == 2
    assert "::error title=krt notify::krt web refused the event (403)" in err
