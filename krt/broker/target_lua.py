"""The table of a target's states (krt.core.report.target) as the scripts have it."""

from krt.core.report.target import TABLE, StateRule, TargetState


def _row(state: TargetState, rule: StateRule) -> str:
    flags = {"is_success": rule.is_success, "is_folded": rule.is_folded}
    columns = [f"{name} = {str(value).lower()}" for name, value in flags.items()]
    following = ", ".join(f"{one} = true" for one in sorted(rule.may_become))
    return f"  {state} = {{{', '.join(columns)}, may_become = {{{following}}}}},"


# `STATES[state]` is nil for a state that only a newer krt knows, and for most of a group's. Whether a state is final
# stands in what is stored.
STATES = "\n".join(["", "local STATES = {", *(_row(state, rule) for state, rule in TABLE.items()), "}", ""])
