"""A step of the action as GitHub's runner runs it: the variables, the folders, the shell."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.pace import slack

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "deploy" / "action"

# A python3 that makes environments as the real one does, but whose pip only notes what it was asked for: the packages
# are those of this environment.
PYTHON3 = f"""#!/bin/sh
if [ "$1 $2 $3" != "-I -m venv" ]; then exec {sys.executable} "$@"; fi
{sys.executable} -I -m venv --without-pip "$4" || exit
(cd "$4"/lib/python*/site-packages && echo {Path(pytest.__file__).parents[1]} > packages.pth)
mv "$4/bin/python" "$4/bin/real"
cat > "$4/bin/python" <<'END'
#!/bin/sh
if [ "$3 $4" = "pip check" ]; then echo "$PIP_BROKEN"; exit ${{PIP_BROKEN:+1}}; fi
if [ "$3" = pip ]; then echo "$@" > "$RUNNER_TEMP/pip"; exit ${{PIP_EXIT:-0}}; fi
exec "${{0%/*}}/real" "$@"
END
chmod +x "$4/bin/python"
"""


def the_action() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ACTION / "action.yml").read_text())
    return loaded


class Runner:
    """What GitHub's runner does for a step of a composite action."""

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self.directory = directory
        self.environ = environ  # where the token service is, and the job's variables
        self.bin = directory / "bin"
        self.work = directory / "work"
        self.temp = directory / "temp"
        for path in (self.bin, self.work, self.temp):
            path.mkdir()
        (directory / "output").touch()
        (self.bin / "python3").write_text(PYTHON3)
        (self.bin / "python3").chmod(0o755)

    def start(self, inputs: Mapping[str, str], **environ: str) -> subprocess.Popen[str]:
        action = the_action()
        (step,) = action["runs"]["steps"]
        values = {name: inputs.get(name, row.get("default", "")) for name, row in action["inputs"].items()}
        own = {name: self._evaluated(expression, values) for name, expression in step["env"].items()}
        (self.directory / "step.sh").write_text(step["run"])
        return subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(self.directory / "step.sh")],
            env={**self._environ(), **own, **environ},
            cwd=self.work,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def outputs(self) -> dict[str, str]:
        """What the action puts out: what its step has written, through the expressions of action.yml."""
        written = _pairs((self.directory / "output").read_text())
        values = {name: row["value"] for name, row in the_action()["outputs"].items()}
        return {name: written.get(_step_output(value), "") for name, value in values.items()}

    def run(self, inputs: Mapping[str, str], **environ: str) -> tuple[int, str, str]:
        process = self.start(inputs, **environ)
        out, err = process.communicate(timeout=slack(30))
        return process.returncode, out, err

    def _environ(self) -> dict[str, str]:
        return {
            **self.environ,
            "PATH": f"{self.bin}:{os.defpath}",
            "HOME": str(self.directory),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_OUTPUT": str(self.directory / "output"),
            "GITHUB_STEP_SUMMARY": str(self.directory / "summary.md"),
            "RUNNER_TEMP": str(self.temp),
        }

    def _evaluated(self, expression: str, values: Mapping[str, str]) -> str:
        found = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", expression)
        assert found
        return values[found[1]]


def _pairs(text: str) -> dict[str, str]:
    """The outputs in a file of GITHUB_OUTPUT, as the runner reads it; the last line of a name counts."""
    pairs = [line.split("=", 1) for line in text.splitlines() if line]
    assert all(len(pair) == 2 and "<<" not in pair[0] for pair in pairs), text
    return dict(pairs)


def _step_output(expression: str) -> str:
    (step,) = the_action()["runs"]["steps"]
    found = re.fullmatch(rf"\$\{{\{{ steps\.{step['id']}\.outputs\.([a-z]+) \}}\}}", expression)
    assert found
    return found[1]
