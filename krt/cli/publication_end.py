"""The end of a publication: its state record, the sentence for people, the JSON document, the job's summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from signal import Signals
from typing import Any

import msgspec

from krt.cli.publication import Order
from krt.client import exits, step_files, summary
from krt.client.console import Console, plain
from krt.client.ending import Ending
from krt.client.report import received
from krt.client.wording import target as worded
from krt.core.delivery import state_record
from krt.core.delivery.restart_target import RestartTarget
from krt.core.delivery.state_record import StateRecord
from krt.core.report.action import Action
from krt.core.report.report_document import Document, ListedTarget
from krt.core.report.target import TargetState
from krt.delivery.publishing import Publishing

_SHOWN_DIGITS = 12


@dataclass(slots=True)
class PublicationOutcome:
    """How a run has ended so far. `problems` is empty if it ended well.

    `is_marked`: the state record says that a run has begun to write. `is_over`: the run has come to an end of its own,
    so that a later signal changes nothing.
    """

    code: int = exits.DONE
    problems: tuple[str, ...] = ()
    restarted: tuple[RestartTarget, ...] = ()
    report: Document | None = None
    run: Publishing | None = None
    is_marked: bool = False
    is_over: bool = False
    server_url: str = ""
    skipped: str = ""

    @property
    def has_written(self) -> bool:
        """Whether the run has written to the cluster, or may have."""
        return self.run is not None and self.run.has_written

    def refuse(self, *problems: str) -> None:
        """Note that krt refuses: bad input, or an object that it must not write."""
        self.code, self.problems = exits.REFUSED, problems

    def fail(self, *problems: str) -> None:
        """Note that the run has failed."""
        self.code, self.problems = exits.FAILED, problems

    def note_unrecorded(self, order: Order, problem: str) -> None:
        """Note that the state record could not be written after the run. A run that ended well then has failed."""
        if self.code == exits.DONE:
            self.fail(f"{problem}; the run itself has ended well: {self.sentence(order)}")
        else:
            self.problems = (*self.problems, problem)

    def interrupt(self, by: Signals, order: Order) -> None:
        """Note that this signal has ended the run."""
        self.code, self.problems = exits.BY_SIGNAL + by, (f"interrupted by {by.name}: {self._left(order)}",)

    def _left(self, order: Order) -> str:
        """How an interrupted run leaves the cluster."""
        if not self.has_written:
            return "nothing was written"
        if order.is_removal:
            return f"the deletion of {order.publication} may have begun, and the same command waits for its end"
        left = f"the restarts that it still owes stay noted on {order.publication}, and the same command makes them"
        return f"{order.publication} may be written; {left}"

    def note_skipped(self, order: Order) -> None:
        """Note that there is no cluster to delete from."""
        self.skipped = f"{order.kubeconfig} does not exist, so nothing was deleted from its cluster"

    def record(self, order: Order, previous: StateRecord | None, now: datetime) -> StateRecord | None:
        """The state record; None if the previous one stays."""
        if self.code == exits.DONE and order.is_removal:
            return state_record.destroyed(order.reference, now)
        if self.code == exits.DONE:
            return state_record.ended_well(order.reference, self.outputs(order), now)
        if self.code == exits.REFUSED and not self.is_marked:
            return None
        return state_record.ended_badly(
            order.reference,
            previous,
            now,
            error="; ".join(self.problems),
            command=order.verb,
            has_written=self.has_written,
        )

    def outputs(self, order: Order) -> dict[str, Any]:
        """The outputs of a run that ended well."""
        if order.is_removal:
            return {state_record.CAPABILITY: state_record.ABSENT}
        return state_record.outputs_of(order.publication, self.restarted)

    def sentence(self, order: Order) -> str:
        """The sentence about a run that ended well; "" if it did not."""
        if self.code != exits.DONE:
            return ""
        if self.skipped:
            return self.skipped
        if order.is_dry_run:
            return "dry-run: nothing was written"
        secret = next((its for its in self._targets() if its.kind == "Secret"), None)
        change = str(secret.change) if secret else ""
        if order.is_removal:
            return f"{order.publication}: {change if change == 'deleted' else 'it was not there'}"
        bundle, names = order.publication.bundle, ", ".join(map(str, self.restarted))
        holds = f"{len(bundle.content)} bytes in {bundle.key}, SHA-256 {bundle.sha256[:_SHOWN_DIGITS]}..."
        return f"{order.publication}: {change}, {holds}; {f'restarted: {names}' if names else 'nothing restarted'}"

    def warnings(self) -> tuple[str, ...]:
        """The targets that a person should look at: those that were skipped, or have warnings."""
        restarts = (its for its in self._targets() if its.action == Action.RESTART)
        return tuple(worded(its) for its in restarts if its.state == TargetState.SKIPPED or its.warnings)

    def _targets(self) -> tuple[ListedTarget, ...]:
        return self.report.targets if self.report else ()


def tell(order: Order, outcome: PublicationOutcome, console: Console, page: Path | None) -> int:
    """Print the end, and write the job's summary. Returns the exit code."""
    sentence, warnings = outcome.sentence(order), outcome.warnings()
    document = _document(order, outcome)
    for warning in warnings:
        console.flag(warning)
    if page:
        _summarise(order, outcome, console, page)
    console.output(**_step_outputs(order, outcome))
    if outcome.code != exits.DONE:
        console.fail(*outcome.problems, **document)
        return outcome.code
    return exits.DONE if console.result(document, sentence) else exits.FAILED


def tell_refusal(console: Console, *problems: str) -> None:
    """Print why the run did not begin."""
    console.fail(*problems, **refusal(*problems))


def refusal(*problems: str) -> dict[str, Any]:
    """The JSON document of a run that did not begin."""
    return _shaped(state_record.ERROR, problems, {}, None)


def _document(order: Order, outcome: PublicationOutcome) -> dict[str, Any]:
    """The JSON document: `status` and `outputs` as the state record has them, the problems, and the report."""
    is_done = outcome.code == exits.DONE
    status = (state_record.DESTROYED if order.is_removal else state_record.OK) if is_done else state_record.ERROR
    outputs = outcome.outputs(order) if is_done and not order.is_dry_run else {}
    report = msgspec.to_builtins(outcome.report) if outcome.report else None
    return _shaped("planned" if is_done and order.is_dry_run else status, outcome.problems, outputs, report)


def _shaped(status: str, problems: Sequence[str], outputs: Mapping[str, Any], report: Any) -> dict[str, Any]:
    return {"status": status, "problems": [*map(plain, problems)], "outputs": outputs, "report": report}


def _step_outputs(order: Order, outcome: PublicationOutcome) -> dict[str, str]:
    document = _document(order, outcome)
    found = {"status": str(document["status"])}
    if "bundle_sha256" in document["outputs"]:
        found["bundle_sha256"] = order.publication.bundle.sha256
        found["restarted_targets"] = ",".join(map(str, outcome.restarted))
    return found


def _summarise(order: Order, outcome: PublicationOutcome, console: Console, page: Path) -> None:
    sentence, *reasons = outcome.problems or (outcome.sentence(order),)
    ending = Ending(outcome.code, sentence, received(outcome.report) if outcome.report else None, tuple(reasons))
    try:
        step_files.append(page, summary.markdown(ending, str(order.publication)))
    except OSError as error:
        console.warn(f"no job summary was written: {error.strerror}")
