"""What a job asks of the report that krt web answers with.

krt web may be newer than this side: an unknown field is no error, and an unknown state is the last one only if it says
so.
"""

from krt.core.report.report_document import Document, ListedCluster, ListedTarget


class ReceivedReport(Document, frozen=True):
    """The document, as a job reads it."""

    @property
    def absent(self) -> tuple[ListedCluster, ...]:
        """The clusters in which no worker is: silent, or stopped."""
        return tuple(cluster for cluster in self.clusters if cluster.is_absent or cluster.has_left)

    @property
    def waits_for_absent_only(self) -> bool:
        """Whether nothing keeps the event from its end but clusters in which no worker is."""
        present = [cluster for cluster in self.clusters if cluster not in self.absent]
        gone = {cluster.name for cluster in self.absent} - {cluster.name for cluster in present}
        others = [target for target in self.targets if target.cluster not in gone]
        settled = all(cluster.is_settled for cluster in present) and all(target.is_settled for target in others)
        return not self.is_final and bool(self.absent) and settled

    @property
    def open_targets(self) -> tuple[ListedTarget, ...]:
        """The targets of which something more is to be expected."""
        return tuple(target for target in self.targets if not target.is_settled)
