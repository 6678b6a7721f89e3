"""Mutations of the rule C2 (docs/correctness.md) if others restarted or created a workload after an event."""

from tests.mutations.mutation import of

_DECIDE = "core/restart/decide.py"
_TAKE = "worker/take.py"
_RECORD = "worker/record.py"
_FOLLOW = "worker/follow.py"
_PROGRESS = "core/restart/progress.py"

_SERVED = "test_C2_what_others_restarted_or_created_after_an_old_event_"
_IN_DOUBT = "test_C2_where_it_is_in_doubt_whether_its_pods_are_newer_it_is_restarted"

_OF_WORKERS = of(
    "worker/test_served.py",
    (
        f"{_SERVED}is_ready_when_its_pods_are",
        _RECORD,
        "            return _waiting(workload, warnings, is_served=is_served)",
        (
            "            waiting = _waiting(workload, warnings, is_served=is_served)\n"
            "            return Target(TargetState.READY) if is_served else waiting"
        ),
    ),
    (
        f"{_SERVED}fails_when_its_rollout_does",
        _PROGRESS,
        "_seconds_since(served_since, now) if served_since else seconds_since_restart(workload, now)",
        "seconds_since_restart(workload, now)",
    ),
    (
        f"{_SERVED}fails_when_its_rollout_does",
        _FOLLOW,
        "if workload and (served := serves(workload, beyond)):",
        "if workload and (served := serves(workload, {})):",
    ),
    (
        "test_C2_its_deadline_counts_from_when_it_was_found",
        _PROGRESS,
        "_seconds_since(served_since, now) if served_since else seconds_since_restart(workload, now)",
        "seconds_since_restart(workload, now) or _seconds_since(served_since, now)",
    ),
    (
        "test_C2_what_has_no_pods_by_then_is_ready_and_says_so",
        _PROGRESS,
        "            warnings = (NO_PODS,) if has_no_pods(workload) else ()",
        "            warnings = ()",
    ),
    (
        "test_C2_what_becomes_of_it_meanwhile_is_told_as_of_any_other",
        _PROGRESS,
        "(event for event in since if _is_newer(workload, event))",
        "(event for event in since)",
    ),
    (
        _IN_DOUBT,
        _DECIDE,
        "CLOCKS_SECONDS < seconds_after(time, event)",
        "0 < seconds_after(time, event)",
    ),
    (
        _IN_DOUBT,
        _DECIDE,
        "seconds_after(time, event) <= age_seconds",
        "seconds_after(time, event)",
    ),
    (
        _IN_DOUBT,
        _DECIDE,
        "    times = (workload.created_at, workload.restarted_at if is_since and not is_own else None)",
        "    times = (workload.created_at, workload.restarted_at)",
    ),
    (
        "test_C2_what_a_clock_that_is_ahead_wrote_before_the_event_is_restarted",
        _DECIDE,
        "workload.restarted_at if is_since and not is_own else None",
        "workload.restarted_at if not is_own else None",
    ),
    (
        "test_C2_a_restart_of_krts_own_covers_what_its_mark_says",
        _DECIDE,
        "    if mark and mark.covers >= event:",
        "    if False:",
    ),
    (
        "test_C2_whoever_takes_over_follows_it_on",
        _PROGRESS,
        "stage_of(workload)), served_since=since)",
        "stage_of(workload)))",
    ),
    (
        "test_C2_a_worker_that_dies_at_any_step_leaves_it_to_be_followed",
        _RECORD,
        "follow = {workload.key: workload.uid for workload in wanted}",
        "follow = dict[ObjectKey, str]()",
    ),
    (
        "test_C2_an_older_event_that_left_it_to_this_one_shares_its_end",
        _FOLLOW,
        "if newest < event <= by]",
        "if event == by]",
    ),
    (
        "test_C2_a_newer_event_that_its_restart_does_not_serve_restarts_it_for_both",
        _TAKE,
        "if is_backlog and is_anew(w, entry.id, age_seconds=age_seconds)]",
        "if is_backlog]",
    ),
    (
        "test_C2_why_it_was_not_restarted_again_is_a_warning_to_the_end",
        _RECORD,
        "(*lasting, _SERVED) if is_served else lasting",
        "lasting",
    ),
    (
        "test_C2_an_event_all_of_whose_workloads_are_served_is_settled",
        _TAKE,
        "entry.settle(workload.key, Covered(workload, entry.id, served_since=format_time(self._now())))",
        "entry.open.discard(workload.key)",
    ),
)

_BY_TIME = "test_C2_what_others_made_after_the_event_is_known_by_its_time_unless_that_leaves_a_doubt"

_OF_RESTART = of(
    "core/test_restart.py",
    (_BY_TIME, _DECIDE, "CLOCKS_SECONDS < seconds_after(time, event)", "0 < seconds_after(time, event)"),
    (_BY_TIME, _DECIDE, "seconds_after(time, event) <= age_seconds", "seconds_after(time, event)"),
    (_BY_TIME, _DECIDE, "if is_since and not is_own else None", "if is_since else None"),
)

_OF_PROGRESS = of(
    "core/test_progress.py",
    (
        "test_C2_what_others_made_serves_while_its_time_is_on_the_object",
        _PROGRESS,
        "(event for event in since if _is_newer(workload, event))",
        "(event for event in since)",
    ),
    (
        "test_C2_what_others_made_serves_while_its_time_is_on_the_object",
        _PROGRESS,
        " and standing.target.version <= _version(workload)",
        "",
    ),
    (
        "test_C2_what_others_made_is_given_the_deadline_from_when_it_was_found",
        _PROGRESS,
        "_seconds_since(served_since, now) if served_since else seconds_since_restart(workload, now)",
        "seconds_since_restart(workload, now) or _seconds_since(served_since, now)",
    ),
)

MUTATIONS = (*_OF_WORKERS, *_OF_RESTART, *_OF_PROGRESS)
