"""Mutations of pure rules in krt.core: causes, reasons, marks, verdicts, stages of rollouts. Some are of krt.worker."""

from tests.mutations.mutation import of

_MARK = "core/restart/mark.py"
_PROGRESS = "core/restart/progress.py"
_ROLLOUT = "core/kube/rollout.py"
_CAUSE = "core/restart/cause.py"
_WRITTEN = "_cut(_word(values[name]), most)"
_LATER = "format_time(max(now, in_force + _LATER) if in_force else now)"

_OF_CAUSES = of(
    "core/test_cause.py",
    ("test_no_claim_ends_its_word_or_turns_the_line", _CAUSE, _WRITTEN, "_cut(values[name], most)"),
    (
        "test_whatever_the_claims_it_is_one_bounded_line_and_no_field_takes_the_room_of_another",
        _CAUSE,
        _WRITTEN,
        "_word(values[name])",
    ),
)

_OF_REASONS = of(
    "core/test_reason.py",
    (
        "test_what_may_be_a_secret_is_left_out",
        "core/reason.py",
        "    for pattern in _HIDDEN:\n",
        "    for pattern in ():\n",
    ),
)

_OF_REPORTS = of(
    "core/test_report.py",
    (
        "test_a_target_that_is_final_by_one_word_and_not_by_another_cannot_be_read",
        "core/report/report_fields.py",
        " and word.final == target.final",
        "",
    ),
)

_OF_CONCLUSIONS = of(
    "core/test_conclusion.py",
    (
        "test_T4_where_every_cluster_has_left_an_event_is_no_success_and_waits",
        "core/report/conclusion.py",
        "    if unfinished or not groups:\n",
        "    if unfinished:\n",
    ),
)

_OF_DOCUMENTS = of(
    "core/test_document.py",
    (
        "test_T1_of_more_than_a_thousand_targets_the_failed_and_the_unfinished_are_listed",
        "core/report/document.py",
        "key=lambda item: (URGENCY[item[1].state], item[0]))",
        "key=lambda item: item[0])",
    ),
)

_OF_MATCHING = of(
    "core/test_matching.py",
    (
        "test_a_namespace_opts_in_what_says_nothing_itself",
        "core/restart/matching.py",
        "says = workload.namespace_opt if workload.opt is None else workload.opt",
        "says = workload.opt",
    ),
    (
        "test_what_is_being_deleted_is_left_alone_whoever_holds_it",
        "core/restart/matching.py",
        "    if workload.deleted_at:\n        return SkipReason.BEING_DELETED\n",
        "",
    ),
)

_OF_POLICIES = of(
    "core/test_patterns.py",
    (
        "test_owner_and_repository_of_a_workflow_have_no_case_and_the_rest_has",
        "core/caller/patterns.py",
        '    return f"{owner}/{name}".lower(), file\n',
        '    return f"{owner}/{name}", file\n',
    ),
)

_OF_PROGRESS = of(
    "core/test_progress.py",
    (
        "test_T3_an_index_that_is_behind_a_report_says_nothing",
        _PROGRESS,
        "    return _version(workload) <= max(_restarted(standings).values(), default=-1)",
        "    return False",
    ),
    (
        "test_a_rollout_without_end_says_how_far_it_came",
        _PROGRESS,
        '    return f"no end within {deadline_seconds:g} s: {pods}"',
        '    return f"no end within {deadline_seconds:g} s"',
    ),
    (
        "test_what_is_being_deleted_meanwhile_is_waited_for_no_more",
        _PROGRESS,
        "        return _made(workload, stage, TargetState.SKIPPED, seconds, leaving)\n",
        "        pass\n",
    ),
    (
        "test_T3_who_took_a_restart_back_is_named_if_it_can_have_been_them",
        _PROGRESS,
        "    was_it = is_after(workload.last_managed_at, event)\n",
        "    was_it = True\n",
    ),
)

_OF_MARKS = of(
    "core/test_restart.py",
    (
        "test_whole_seconds_undo_no_restart_of_the_same_second",
        _MARK,
        "        written = written.replace(microsecond=0)\n",
        "        pass\n",
    ),
    (
        "test_R1_whatever_time_the_template_bore_putting_it_back_undoes_the_restart",
        _MARK,
        _LATER,
        "format_time(now)",
    ),
    (
        "test_R1_a_template_of_the_future_is_none_that_somebody_has_just_restarted",
        _MARK,
        "written <= in_force <= now + timedelta(seconds=CLOCKS_SECONDS)",
        "written <= in_force",
    ),
    (
        "test_R1_a_restart_is_now_or_else_later_than_the_one_in_force",
        _MARK,
        _LATER,
        "format_time(now)",
    ),
    (
        "test_how_long_ago_a_restart_was_made_no_other_clock_decides",
        _MARK,
        "restarted_at.timestamp() if restarted_at <= now else mark.covers.milliseconds / 1000",
        "restarted_at.timestamp()",
    ),
)

_OF_ROLLOUTS = of(
    "core/test_rollout.py",
    (
        "test_a_rollout_is_as_far_as_its_controller_says",
        _ROLLOUT,
        " and not status.misscheduled",
        "",
    ),
    (
        "test_a_paused_rollout_says_so_and_may_go_on",
        _ROLLOUT,
        "status.deadline_exceeded is not None and not workload.paused",
        "status.deadline_exceeded is not None",
    ),
    (
        "test_how_many_pods_a_partition_keeps_is_said",
        _ROLLOUT,
        "        return Untracked(counts, _partition_keeps(workload))\n",
        "        return Ready(counts)\n",
    ),
    (
        "test_the_reason_names_the_pod_that_a_stateful_set_waits_for_and_the_remedy",
        _ROLLOUT,
        "_Rules(lambda w: w.replicas, _stateful_set, _awaited_pod)",
        "_Rules(lambda w: w.replicas, _stateful_set, _nothing)",
    ),
    (
        "test_a_rollout_that_waits_names_the_obstacle",
        _ROLLOUT,
        "    return Progressing(counts, reason)\n",
        "    return Progressing(counts)\n",
    ),
    (
        "test_a_stuck_deployment_gives_every_reason_that_it_has",
        _ROLLOUT,
        "_said(status.deadline_exceeded, *status.problems, status.unavailable)",
        "status.deadline_exceeded",
    ),
)

_OF_USES = of(
    "core/test_use.py",
    (
        "test_another_call_with_a_key_is_found_under_it_and_told_apart",
        "core/caller/use.py",
        "_digest(*run, idempotency_key)",
        "_digest(*run, idempotency_key, fingerprint)",
    ),
)

_OF_WORKERS = (
    *of(
        "worker/test_entry.py",
        (
            "test_a_restart_and_one_that_failed_name_the_person_and_the_commit",
            "worker/entry.py",
            "        if not isinstance(outcome, Restarted | Failed | Expired):\n",
            "        if True:\n",
        ),
        (
            "test_only_the_first_outcome_of_a_workload_counts_and_none_of_a_dropped_entry",
            "worker/entry.py",
            "        if key not in self.open:\n            return\n        self.open.remove(key)\n",
            "        self.open.discard(key)\n",
        ),
    ),
    *of(
        "worker/test_stalls.py",
        (
            "test_an_error_that_is_over_is_not_quoted_for_a_later_stall",
            "worker/stalls.py",
            "        self._problems.pop(part, None)\n",
            "",
        ),
    ),
    *of(
        "worker/test_hand.py",
        (
            "test_an_entry_that_was_taken_again_stays_when_its_former_self_is_settled_or_let_go",
            "worker/hand.py",
            "        if self._entries.get(entry.id) is not entry:\n            return\n        del",
            "        if entry.id not in self._entries:\n            return\n        del",
        ),
        (
            "test_an_entry_that_was_taken_again_stays_when_its_former_self_is_settled_or_let_go",
            "worker/hand.py",
            "not entry.open and self._entries.get(entry.id) is entry",
            "not entry.open and entry.id in self._entries",
        ),
    ),
    *of(
        "worker/test_rules_restart.py",
        (
            "test_R5_where_the_rights_go_with_the_namespace_what_the_index_hears_ends_the_trying",
            "worker/restart.py",
            "                    self._look(case)\n",
            "",
        ),
        (
            "test_R5_after_an_outage_the_minute_of_denials_begins_anew",
            "worker/restart.py",
            "                case.denied_since = None\n",
            "",
        ),
    ),
    *of(
        "worker/test_rules_consuming.py",
        (
            "test_C3_what_a_worker_claims_from_itself_is_in_its_hand_already",
            "worker/consume.py",
            "tuple(delivered for delivered in claimed.entries if delivered.id not in self._hand)",
            "claimed.entries",
        ),
    ),
    *of(
        "worker/test_rules_foreign.py",
        (
            "test_C7_a_message_that_gives_way_while_it_is_taken_in_takes_no_other_with_it",
            "worker/listen.py",
            "            if self._foreign and self._foreign[0] == (heard_at, envelope):\n",
            "            if self._foreign:\n",
        ),
    ),
)

MUTATIONS = (
    *_OF_CAUSES,
    *_OF_CONCLUSIONS,
    *_OF_DOCUMENTS,
    *_OF_MARKS,
    *_OF_MATCHING,
    *_OF_POLICIES,
    *_OF_PROGRESS,
    *_OF_REASONS,
    *_OF_REPORTS,
    *_OF_ROLLOUTS,
    *_OF_USES,
    *_OF_WORKERS,
)
