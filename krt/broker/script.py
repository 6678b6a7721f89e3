"""A Lua script that Valkey runs as one step."""

from dataclasses import dataclass, field
from hashlib import sha1


@dataclass(frozen=True, slots=True)
class Script:
    """`sha` is the name by which EVALSHA runs the script: the SHA-1 of `text` in hex."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()  # a name only: it protects nothing
        object.__setattr__(self, "sha", digest)
