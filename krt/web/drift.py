"""Warns about a stale name in a policy rule after a repository or owner was renamed. The rule still matches by id."""

from krt.core.caller.identity import Identity
from krt.core.caller.policy import Rule
from krt.core.caller.who import has_drifted
from krt.logs import Log

log = Log("web")


class Drift:
    """Logs `policy_name_drifted` once for each rule, and again if the caller's name is another than the last time."""

    def __init__(self) -> None:
        self._said: dict[int, str] = {}

    def look(self, rule: Rule, identity: Identity) -> None:
        """Compare the name in `rule` with the current name of the caller whom the rule admitted."""
        name = identity.repository if rule.who.repository else identity.repository_owner
        if has_drifted(rule.who, identity) and self._said.get(rule.number) != name:
            self._said[rule.number] = name
            log.warning("policy_name_drifted", rule=rule.number, written=str(rule.who), now=identity.repository)
