"""A script that Valkey runs as one step, known to it by its digest."""

from dataclasses import dataclass, field
from hashlib import sha1


@dataclass(frozen=True, slots=True)
class Script:
    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()  # the name Valkey gives it, no seal
        object.__setattr__(self, "sha", digest)
