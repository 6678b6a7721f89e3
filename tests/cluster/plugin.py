"""A credential plugin as kubeconfigs name them: a program that prints a token, and counts its runs."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_PROGRAM = """\
#!/bin/sh
echo run >> "$(dirname "$0")/runs"
cat "$(dirname "$0")/answer" || { echo "no cloud today" >&2; exit 1; }
"""
_VERSION = "client.authentication.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Plugin:
    """`answer` is the file that it prints; without the file it fails."""

    directory: Path

    @property
    def runs(self) -> int:
        file = self.directory / "runs"
        return len(file.read_text().splitlines()) if file.exists() else 0

    @property
    def user(self) -> Mapping[str, Any]:
        """The user entry of a kubeconfig."""
        command = str(self.directory / "plugin")
        return {"exec": {"apiVersion": _VERSION, "command": command, "interactiveMode": "Never"}}

    def give(self, token: str, *, seconds: float | None = 3600) -> None:
        """Print this from now on; `seconds` None: a token that says nothing of its end."""
        status: dict[str, str] = {"token": token}
        if seconds is not None:
            ends = datetime.now(UTC) + timedelta(seconds=seconds)
            status["expirationTimestamp"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.say(json.dumps({"apiVersion": _VERSION, "kind": "ExecCredential", "status": status}))

    def say(self, text: str) -> None:
        (self.directory / "answer").write_text(text)

    def fail(self) -> None:
        (self.directory / "answer").unlink(missing_ok=True)


def write_plugin(directory: Path) -> Plugin:
    """A plugin that fails until a test has set its answer."""
    assert sys.platform != "win32", "it is a shell script"
    directory.mkdir()
    program = directory / "plugin"
    program.write_text(_PROGRAM)
    program.chmod(0o700)
    return Plugin(directory)
