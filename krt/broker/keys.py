"""The keys of everything that krt stores in Valkey. All have one hash slot, so that one script may use several."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one installation; installations on one Valkey differ in `prefix`."""

    prefix: str

    @property
    def journal(self) -> str:
        """Stream: the accepted events."""
        return f"{{{self.prefix}}}:journal"

    @property
    def journal_name(self) -> str:
        """String: the random name that the journal gets with its first entry. Ids of two names cannot be compared."""
        return f"{{{self.prefix}}}:journal-name"

    @property
    def adopter(self) -> str:
        """String: the lease of the one worker that appends messages without a journal entry to the journal."""
        return f"{{{self.prefix}}}:adopter"

    def adopted(self, message: str) -> str:
        """String: the id of the event that a message became. `message` is the id that the worker gave the message."""
        return f"{{{self.prefix}}}:adopted:{message}"

    def cluster(self, name: str) -> str:
        """String: the identity of the cluster that has the name."""
        return f"{{{self.prefix}}}:cluster:{name}"

    def group_made(self, group: str) -> str:
        """String: when a consumer group was created, in milliseconds since the epoch by Valkey's clock."""
        return f"{{{self.prefix}}}:group-made:{group}"

    def followed(self, group: str) -> str:
        """Hash: the workloads that a group follows, each with the ids of the events that wait for its rollout."""
        return f"{{{self.prefix}}}:followed:{group}"

    def follower(self, group: str) -> str:
        """String: the lease of the one worker of a group that writes how rollouts go on."""
        return f"{{{self.prefix}}}:follower:{group}"

    @property
    def alive(self) -> str:
        """Hash: when each group of workers, and each worker, was last alive."""
        return f"{{{self.prefix}}}:alive"

    @property
    def reports_channel(self) -> str:
        """Channel: the id of each event whose report has changed."""
        return f"{{{self.prefix}}}:reports"

    def report(self, event: str) -> str:
        """Hash: the report of one event. If `event` is "", this is the beginning of all these keys."""
        return f"{{{self.prefix}}}:report:{event}"

    def token(self, digest: str) -> str:
        """String: the record of a token that was used."""
        return f"{{{self.prefix}}}:token:{digest}"

    def retry(self, digest: str) -> str:
        """String: the record of an Idempotency-Key."""
        return f"{{{self.prefix}}}:retry:{digest}"
