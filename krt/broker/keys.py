"""The names of everything krt keeps in Valkey: one hash slot, so that one script may touch all of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """`prefix` keeps several installations on one Valkey apart."""

    prefix: str

    @property
    def journal(self) -> str:
        """The stream of accepted events."""
        return f"{{{self.prefix}}}:journal"

    @property
    def journal_name(self) -> str:
        """A random name that the journal gets with its first entry: ids of another journal mean nothing in this one."""
        return f"{{{self.prefix}}}:journal-name"

    @property
    def adopter(self) -> str:
        """The lease of the one worker that takes messages without a journal entry into the journal."""
        return f"{{{self.prefix}}}:adopter"

    def adopted(self, message: str) -> str:
        """Which event a message became that one worker has heard and numbered."""
        return f"{{{self.prefix}}}:adopted:{message}"

    def cluster(self, name: str) -> str:
        """Which cluster goes by a name."""
        return f"{{{self.prefix}}}:cluster:{name}"

    def group_made(self, group: str) -> str:
        """When a consumer group was made, in milliseconds of Valkey's clock."""
        return f"{{{self.prefix}}}:group-made:{group}"

    def followed(self, group: str) -> str:
        """Which workloads a group of workers follows, and for which events."""
        return f"{{{self.prefix}}}:followed:{group}"

    def follower(self, group: str) -> str:
        """The lease of the one worker of a group that tells how rollouts go on."""
        return f"{{{self.prefix}}}:follower:{group}"

    @property
    def alive(self) -> str:
        """When each group of workers was last seen."""
        return f"{{{self.prefix}}}:alive"

    @property
    def reports_channel(self) -> str:
        """Where the id of each event is rung whose report has changed."""
        return f"{{{self.prefix}}}:reports"

    def report(self, event: str) -> str:
        """The report of one event; of the empty text, what all their keys begin with."""
        return f"{{{self.prefix}}}:report:{event}"

    def token(self, digest: str) -> str:
        """The record of a spent token."""
        return f"{{{self.prefix}}}:token:{digest}"

    def retry(self, digest: str) -> str:
        """The record of an Idempotency-Key."""
        return f"{{{self.prefix}}}:retry:{digest}"
