"""The console of a command that a person runs, or a step of a GitHub job, and the page of the job's summary."""

import sys
from collections.abc import Mapping
from pathlib import Path

from krt.client.console import Console


def console_of(command: str, environ: Mapping[str, str], *, as_json: bool, has_outputs: bool = False) -> Console:
    """The two output streams. `has_outputs`: the command also writes outputs of the step."""
    github = bool(environ.get("GITHUB_ACTIONS"))
    outputs = environ.get("GITHUB_OUTPUT") if github and has_outputs else None
    return Console(
        sys.stdout,
        sys.stderr,
        github=github,
        as_json=as_json,
        animated=sys.stderr.isatty() and not github and environ.get("TERM") not in {"dumb", "unknown"},
        outputs=Path(outputs) if outputs else None,
        command=command,
    )


def summary_page(environ: Mapping[str, str]) -> Path | None:
    """The file of the job's summary; None outside of GitHub's jobs."""
    page = environ.get("GITHUB_STEP_SUMMARY") if environ.get("GITHUB_ACTIONS") else None
    return Path(page) if page else None
