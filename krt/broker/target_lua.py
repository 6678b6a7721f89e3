"""The table of a target's states (krt.core.report.target), generated as Lua for the scripts."""

from krt.core.report.target import TABLE, StateRule, TargetState


def _row(state: TargetState, rule: StateRule) -> str:
    flags = {"is_success": rule.is_success, "is_folded": rule.is_folded}
    columns = [f"{name} = {str(value).lower()}" for name, value in flags.items()]
    following = ", ".join(f"{one} = true" for one in sorted(rule.may_become))
    return f"  {state} = {{{', '.join(columns)}, may_become = {{{following}}}}},"


# `STATES[state]` is nil for a state that only a newer krt knows, and for most states of a group. A stored
# state comes with a field `final`, so the table does not have it.
STATES = "\n".join(["", "local STATES = {", *(_row(state, rule) for state, rule in TABLE.items()), "}", ""])
