"""Writes the job's summary page: the outcome and a table of the targets, in GitHub's Markdown."""

import re

from krt.client import exits, wording
from krt.client.console import plain
from krt.client.ending import Ending
from krt.core.report.report_document import ListedTarget
from krt.core.report.target import TargetState

MOST_ROWS = 200  # GitHub drops a summary above 1 MiB
MOST_CHARACTERS = 300  # in a cell
HEAD = "| workload | state | pods | remarks |\n|---|---|---|---|\n"


def markdown(ending: Ending, title: str) -> str:
    """The section about the event or delivery `title`. Text from outside is escaped, so it adds no Markdown or HTML."""
    result = "done" if ending.code == exits.DONE else "not done"
    reasons = "".join(f"- {cell(reason)}\n" for reason in ending.reasons)
    return f"### krt: {cell(title)}: {result}\n\n{cell(ending.sentence)}\n\n{reasons}\n{_table(ending)}\n"


def cell(text: str) -> str:
    """`text` with every character that could be markup as a character reference, cut after MOST_CHARACTERS."""
    cut = text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
    return re.sub(r"[^A-Za-z0-9 ]", lambda found: f"&#{ord(found[0])};", plain(cut))


def _table(ending: Ending) -> str:
    if ending.report is None or not ending.report.targets:
        return ""
    targets = ending.report.targets
    first_failed = sorted(targets, key=lambda target: target.state != TargetState.FAILED)
    rows = "".join(_row(target) for target in first_failed[:MOST_ROWS])
    more = f"\nand {len(targets) - MOST_ROWS} more\n" if len(targets) > MOST_ROWS else ""
    return HEAD + rows + more


def _row(target: ListedTarget) -> str:
    seconds = "" if not target.seconds else f"{target.seconds:.1f} s"
    said = (target.reason or seconds, wording.digest(target), *wording.warnings(target))
    remarks = "; ".join(part for part in said if part)
    words = (wording.workload(target), wording.state(target), wording.pods(target), remarks)
    return f"| {' | '.join(cell(word) for word in words)} |\n"
