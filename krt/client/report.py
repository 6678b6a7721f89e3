"""The report as a job reads it.

krt web may be newer than this client. So an unknown field is ignored, and an unknown state is final only if the report
says so.
"""

import msgspec

from krt.core.report.report_document import Document, ListedCluster, ListedTarget


class ReceivedReport(Document, frozen=True):
    """The report document, with the questions that `krt notify` asks of it."""

    @property
    def absent(self) -> tuple[ListedCluster, ...]:
        """The clusters without a running worker: silent or stopped."""
        return tuple(cluster for cluster in self.clusters if cluster.is_absent or cluster.has_left)

    @property
    def waits_for_absent_only(self) -> bool:
        """Whether the event is unfinished only because of clusters without a running worker."""
        present = [cluster for cluster in self.clusters if cluster not in self.absent]
        gone = {cluster.name for cluster in self.absent} - {cluster.name for cluster in present}
        others = [target for target in self.targets if target.cluster not in gone]
        settled = all(cluster.is_settled for cluster in present) and all(target.is_settled for target in others)
        return not self.is_final and bool(self.absent) and settled

    @property
    def open_targets(self) -> tuple[ListedTarget, ...]:
        """The targets that are not settled yet."""
        return tuple(target for target in self.targets if not target.is_settled)


def received(report: Document) -> ReceivedReport:
    """The report of a run of this process, as the displays take it."""
    return msgspec.convert(msgspec.to_builtins(report), ReceivedReport)
