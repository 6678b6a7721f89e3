"""Mutations of the rules T1 to T4 (docs/correctness.md) in krt.worker."""

from tests.mutations.mutation import of

_FOLLOW = "worker/follow.py"
_WAITING = "worker/waiting.py"
_RECORD = "worker/record.py"
_PROGRESS = "core/restart/progress.py"
_ROLLOUT = "core/kube/rollout.py"

MUTATIONS = of(
    "worker/test_follow.py",
    (
        "test_T2_a_target_is_recorded_before_its_patch",
        "worker/take.py",
        "            await self._recorder.record_match(entry, verdicts, matched, anew)\n",
        "            entry.listed |= {workload.key: workload.uid for workload in matched}\n",
    ),
    (
        "test_T2_a_late_match_is_recorded_before_its_patch_too",
        _WAITING,
        "            await self._recorder.record_late_match(entry, seen)\n",
        "",
    ),
    (
        "test_T2_a_late_match_waits_for_valkey_to_write_it_down",
        _RECORD,
        'log.warning("late_match_not_recorded", workload=workload.key, event_id=entry.id, problem=error)\n',
        "return\n",
    ),
    (
        "test_T2_a_worker_that_dies_at_any_step_leaves_a_report_that_the_next_one_completes",
        _RECORD,
        "follow = {workload.key: workload.uid for workload in wanted}",
        "follow = dict[object, str]()",
    ),
    (
        "test_T2_an_event_is_settled_when_it_is_patched_and_not_when_it_has_rolled_out",
        "worker/settle.py",
        "    said = {key: target for key, outcome",
        "    await trio.sleep(900)\n    said = {key: target for key, outcome",
    ),
    (
        "test_T3_every_event_up_to_the_mark_follows_the_rollout_and_is_told_how_it_ends",
        _FOLLOW,
        "[event for event in one.events if event <= newest]",
        "[event for event in one.events if event == newest]",
    ),
    (
        "test_T3_an_event_whose_mark_was_there_already_counts_as_restarted_and_not_as_skipped",
        _PROGRESS,
        "        case Covered(workload=workload, served_since=since):",
        (
            "        case Covered():\n"
            '            return Target(TargetState.SKIPPED, reason="covered", version=LAST)\n'
            "        case Covered(workload=workload, served_since=since):"
        ),
    ),
    (
        "test_T3_a_later_restart_takes_the_earlier_events_along_to_its_end",
        _FOLLOW,
        "[event for event in one.events if event <= newest]",
        "[event for event in one.events if event == newest]",
    ),
    (
        "test_T3_a_workload_that_is_recreated_while_it_rolls_out_has_failed_and_one_deleted_is_left_alone",
        _FOLLOW,
        "            await self._tell_end(one, EventId(-1, 0), None, position)",
        "            pass",
    ),
    (
        "test_T3_a_workload_that_is_recreated_while_it_rolls_out_has_failed_and_one_deleted_is_left_alone",
        _FOLLOW,
        "        if workload and workload.uid == one.uid:",
        "        if workload:",
    ),
    (
        "test_T3_a_workload_that_was_matched_and_is_gone_before_its_patch_is_whoever_has_the_event_in_hands_to_judge",
        _FOLLOW,
        (
            "        if workload is None and self._index.is_listed(key) and self._index.fresh_at() > since:\n"
            "            # The index is fresher than the first look that missed the workload. "
            "Before that the index may only lag:\n"
            "            # another worker may have matched an object that this worker's watch has not delivered yet.\n"
            "            is_recreated = self._index.get(key) is not None\n"
            "            return say_end(None, beyond, position, now=self._now(), is_recreated=is_recreated)"
        ),
        (
            "        if workload is None:\n            return say_end("
            "None, {event: replace(each, settled=True) for event, each in beyond.items()}, position, now=self._now())"
        ),
    ),
    (
        "test_T3_an_index_that_has_not_heard_yet_of_a_new_workload_does_not_call_it_gone",
        _FOLLOW,
        "self._index.is_listed(key) and self._index.fresh_at() > since:",
        "self._index.is_listed(key):",
    ),
    (
        "test_T3_a_place_that_was_never_listed_is_not_one_where_everything_is_gone",
        _FOLLOW,
        "        if workload is None and self._index.is_listed(key) and self._index",
        "        if workload is None and self._index",
    ),
    (
        "test_T3_a_restart_that_was_taken_back_has_failed",
        _PROGRESS,
        "    newest = max(_restarted(standings), default=None)",
        "    newest = None",
    ),
    (
        "test_T3_what_the_report_says_of_the_restart_outlives_the_workers_that_saw_it",
        _PROGRESS,
        "    newest = max(_restarted(standings), default=None)",
        "    newest = None",
    ),
    (
        "test_R1_a_restart_that_somebody_undoes_after_its_event_was_settled_has_failed",
        "core/restart/mark.py",
        "    return None if undone_mark(workload, now) else mark",
        "    return mark",
    ),
    (
        "test_R1_a_restart_that_somebody_undoes_after_its_event_was_settled_has_failed",
        _PROGRESS,
        "    if mark and mark.journal == position.name and event <= mark.covers <= position.newest:",
        "    if False:",
    ),
    (
        "test_R1_the_template_of_a_clock_that_is_ahead_is_put_back_and_the_event_has_failed",
        "worker/restart.py",
        "next_restart(case.workload, self._now())",
        "self._now().isoformat()",
    ),
    (
        "test_T3_a_restart_at_a_time_of_the_future_ends_at_the_deadline_too",
        "core/restart/mark.py",
        "restarted_at.timestamp() if restarted_at <= now else mark.covers.milliseconds / 1000",
        "restarted_at.timestamp()",
    ),
    (
        "test_T3_what_would_never_end_ends_at_the_deadline",
        _PROGRESS,
        "        case Progressing(_, reason) if seconds > deadline_seconds:",
        "        case Progressing(_, reason) if False:",
    ),
    (
        "test_T3_what_a_worker_hears_nothing_of_any_more_ends_at_the_deadline",
        _FOLLOW,
        "        if now - since > self._deadline_seconds:",
        "        if False:",
    ),
    (
        "test_T3_a_restart_that_was_made_late_is_not_ended_before_it_can_be_heard_of",
        _FOLLOW,
        "        if now - since > self._deadline_seconds:",
        "        if True:",
    ),
    (
        "test_T3_a_workload_whose_pods_nobody_replaces_is_not_ready",
        _ROLLOUT,
        "    if workload.on_delete:",
        "    if False:",
    ),
    (
        "test_T3_a_workload_whose_deletion_begins_is_left_alone_and_fails_nobody",
        "core/restart/matching.py",
        "    if workload.deleted_at:",
        "    if False:",
    ),
    (
        "test_C4_an_event_that_left_its_workload_to_a_newer_one_is_told_how_that_ones_rollout_ends",
        _FOLLOW,
        "[event for event in one.events if event <= newest]",
        "[event for event in one.events if event == newest]",
    ),
    (
        "test_C4_an_event_that_left_its_workload_to_one_that_does_not_restart_it_either_has_failed",
        _PROGRESS,
        "    return {event: _end(workload, event, newest, position, now) for event in standings}",
        "    return {event: _end(workload, event, newest, position, now) for event in standings if newest}",
    ),
    (
        "test_C4_an_event_whose_restart_was_made_is_nothing_to_a_newer_one_whose_restart_is_refused",
        _FOLLOW,
        "            await self._tell(_of(one, [event]), target)",
        "            await self._tell(one, target)",
    ),
    (
        "test_T1_of_more_than_a_thousand_workloads_the_rest_is_counted_and_those_told_are_the_restarted",
        _RECORD,
        "listed = sorted(verdicts, key=lambda each: (each.workload.key not in follow, isinstance(each, Skip)))",
        "listed = list(verdicts)",
    ),
    (
        "test_T1_what_fails_beyond_the_thousand_that_are_told_fails_the_event_all_the_same",
        "worker/settle.py",
        "    done, group = entry.recorded | said, _group(entry)",
        "    done, group = dict(entry.recorded), _group(entry)",
    ),
    (
        "test_of_many_rollouts_those_that_do_not_change_are_looked_at_once_a_second",
        _FOLLOW,
        "return tuple(one for one in followed if one.key in changed or not self._is_reported(one))",
        "return followed",
    ),
    (
        "test_a_look_that_takes_long_leaves_the_loop_to_others_three_times_as_long",
        _FOLLOW,
        "max(_PAUSE_SECONDS, _PAUSE_TIMES * took_seconds)",
        "_PAUSE_SECONDS",
    ),
)
