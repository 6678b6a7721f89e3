"""Prints an instance's delivery line by line, with the words of Timoni: each object once, with its change."""

from collections.abc import Callable, Mapping

from krt.cli.fleet_outcome import object_name
from krt.core.delivery.stages import in_stages
from krt.core.report.action import Action
from krt.core.report.report_document import Document, ListedTarget
from krt.core.report.target import TargetState
from krt.delivery.instance_delivery import PlannedInstance

MOST_LINES = 1_000  # of one instance


class Transcript:
    """The lines of one instance on one cluster. `write` prints a line."""

    def __init__(self, planned: PlannedInstance, write: Callable[[str], None], *, is_dry_run: bool) -> None:
        self._order = _order(planned)
        self._write, self._end = write, " (server dry run)" if is_dry_run else ""
        self._printed = set[tuple[str, ...]]()
        self._is_waiting = is_dry_run

    def show(self, report: Document) -> None:
        """Print the objects that have changed since the report before. An object waits for those before it."""
        self._tell(report, is_end=False)

    def _tell(self, report: Document, *, is_end: bool) -> None:
        for target in sorted(report.targets, key=self._place):
            if not (is_end or self._place(target) <= len(self._printed)):
                break  # they are applied at once, and answered in any order
            if target.change and target.key not in self._printed and len(self._printed) < MOST_LINES:
                self._printed.add(target.key)
                self._write(f"{object_name(target)} {target.change}{self._end}")
        if not self._is_waiting and self._are_all_told(report):
            self._is_waiting = True
            self._write(f"waiting for {len(_applied(report))} resource(s) to become ready...")

    def _are_all_told(self, report: Document) -> bool:
        applied = _applied(report)
        is_whole = len(applied) >= len(self._order) > 0 and all(each.change for each in applied)
        return is_whole and len(self._printed) >= min(len(applied), MOST_LINES)

    def end(self, report: Document, *, is_well: bool) -> None:
        """Print what is left to say at the end."""
        self._tell(report, is_end=True)
        for target in sorted(report.targets, key=self._place):
            if target.state == TargetState.FAILED:
                self._write(f"{object_name(target)} failed: {target.reason or 'it has failed'}")
            elif target.state == TargetState.SKIPPED and target.reason and is_well:
                self._write(f"{object_name(target)} stays: {target.reason}")
        if is_well and self._order and not self._end:
            self._write("resources are ready")

    def _place(self, target: ListedTarget) -> int:
        return self._order.get((target.group or "", target.kind, target.namespace, target.name), len(self._order))


def _order(planned: PlannedInstance) -> Mapping[tuple[str, ...], int]:
    staged = [each for step in planned.objects.steps for stage in in_stages(step) for each in stage]
    return {tuple(each.key): at for at, each in enumerate(staged)}


def _applied(report: Document) -> list[ListedTarget]:
    return [each for each in report.targets if each.action == Action.APPLY]
