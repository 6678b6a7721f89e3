"""Names in the policy that are no longer those of the ids beside them: someone was renamed, and rules go by ids."""

from krt.core.caller.identity import Identity
from krt.core.caller.policy import Rule
from krt.core.caller.who import has_drifted
from krt.logs import Log

log = Log("web")


class Drift:
    """Says it once for each rule and name; what it remembers is bounded by the rules."""

    def __init__(self) -> None:
        self._said: dict[int, str] = {}

    def look(self, rule: Rule, identity: Identity) -> None:
        """Compare the names of a rule and of a caller whom it admitted."""
        name = identity.repository if rule.who.repository else identity.repository_owner
        if has_drifted(rule.who, identity) and self._said.get(rule.number) != name:
            self._said[rule.number] = name
            log.warning("policy_name_drifted", rule=rule.number, written=str(rule.who), now=identity.repository)
