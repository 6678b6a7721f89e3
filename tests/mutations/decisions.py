"""Mutations of the decisions in krt.core about rollouts, events and clusters."""

from tests.mutations.mutation import of

_PROGRESS = "core/restart/progress.py"
_CONCLUSION = "core/report/conclusion.py"
_PRESENCE = "core/report/presence.py"
_IDENTITY = "core/kube/cluster_identity.py"

_OF_PROGRESS = of(
    "core/test_progress.py",
    (
        "test_T3_a_paused_rollout_is_waited_for_and_then_fails_by_that_name",
        "core/kube/rollout.py",
        '    reason = _said(PAUSED if workload.paused else "", *status.problems, rules.awaited(workload))',
        "    reason = _said(*status.problems, rules.awaited(workload))",
    ),
    (
        "test_T3_old_pods_that_nobody_will_replace_are_no_success",
        "core/kube/rollout.py",
        "    if workload.on_delete:",
        "    if False:",
    ),
    (
        "test_T3_what_would_never_end_is_ended_by_the_deadline",
        _PROGRESS,
        "        case Progressing(_, reason) if seconds > deadline_seconds:",
        "        case Progressing(_, reason) if False:",
    ),
    (
        "test_R1_while_a_worker_has_an_event_in_hand_nothing_is_said_to_be_over",
        _PROGRESS,
        "    if not all(standing.settled for standing in standings.values()):",
        "    if False:",
    ),
    (
        "test_T3_of_a_workload_that_was_deleted_nothing_old_is_left_and_one_in_its_place_has_no_restart",
        _PROGRESS,
        "        return dict.fromkeys(standings, _lost(GONE) if is_recreated else _left(DELETED))",
        "        return {}",
    ),
    (
        "test_T3_a_restart_that_was_taken_back_has_failed",
        _PROGRESS,
        "    newest = max(_restarted(standings), default=None)",
        "    newest = None",
    ),
    (
        "test_T3_an_event_that_left_its_workload_to_a_newer_one_shares_that_ones_end",
        _PROGRESS,
        "    if restarted and event <= restarted:",
        "    if restarted and event == restarted:",
    ),
    (
        "test_T3_an_event_of_before_the_deadline_whose_workload_is_not_heard_of_has_failed",
        _PROGRESS,
        "for event, each in standings.items() if _age_seconds(event, now) > deadline_seconds}",
        "for event, each in standings.items()}",
    ),
    (
        "test_T3_an_event_of_before_the_deadline_whose_workload_is_not_heard_of_has_failed",
        _PROGRESS,
        "    if not all(standing.settled for standing in late.values()):",
        "    if False:",
    ),
    (
        "test_R1_a_restart_that_somebody_undid_has_failed_when_nobody_makes_it_again",
        _PROGRESS,
        "    if mark and mark.journal == position.name and event <= mark.covers <= position.newest:",
        "    if False:",
    ),
    (
        "test_T1_the_outcome_comes_with_the_acknowledgement",
        _PROGRESS,
        "        case Restarted(workload=workload):\n            return _on_its_way(workload, stage_of(workload))",
        "        case Restarted():\n            return None",
    ),
)

_OF_CONCLUSION = of(
    "core/test_conclusion.py",
    (
        "test_T4_an_event_waits_for_every_cluster_that_was_alive",
        _CONCLUSION,
        "    groups = counted(report, seen)\n",
        "    groups = counted(report, seen) & report.groups.keys()\n",
    ),
    (
        "test_T4_a_cluster_that_was_gone_a_day_before_the_event_is_not_waited_for",
        _PRESENCE,
        " if sighting.was_alive_in_day_before(accepted_at)]",
        "]",
    ),
    (
        "test_T4_what_a_cluster_says_that_joined_after_the_event_changes_nothing",
        _CONCLUSION,
        "    groups = counted(report, seen)\n",
        "    groups = counted(report, seen) | report.groups.keys()\n",
    ),
    (
        "test_T4_a_silent_cluster_ends_the_event_as_expired_at_the_age_limit",
        _CONCLUSION,
        "    return seen.now - report.accepted_at > most_seconds and not has_begun",
        "    return False",
    ),
    (
        "test_T4_a_rollout_whose_cluster_has_fallen_silent_ends_as_expired_too",
        _CONCLUSION,
        "    has_begun = group in report.groups and not seen.is_silent(group)",
        (
            "    has_begun = group in report.groups and (not seen.is_silent(group) "
            "or any(not target.final for target in report.targets_of([group])))"
        ),
    ),
    (
        "test_T4_the_age_limit_is_the_one_of_the_clusters_own_workers",
        _CONCLUSION,
        "sighting.presence.max_event_age_seconds if sighting else _EVENT_AGE_SECONDS",
        "_EVENT_AGE_SECONDS",
    ),
    (
        "test_T4_a_cluster_that_was_forgotten_is_not_waited_for",
        _CONCLUSION,
        "    groups = counted(report, seen)\n",
        "    groups = counted(report, seen) | report.groups.keys()\n",
    ),
    (
        "test_T1_a_final_state_that_krt_web_has_answered_stays",
        _CONCLUSION,
        "    return report.ended or _state_now(report, seen)",
        "    return _state_now(report, seen)",
    ),
)

_OF_IDENTITY = of(
    "core/test_cluster_identity.py",
    (
        "test_C1_a_cluster_is_the_same_after_a_rotation_of",
        _IDENTITY,
        "    if known.cluster and own.cluster:\n",
        (
            "    if (known.server, known.authorities) != (own.server, own.authorities):\n"
            "        return Likeness.ANOTHER\n"
            "    if known.cluster and own.cluster:\n"
        ),
    ),
    (
        "test_C1_another_cluster_is_told_apart",
        _IDENTITY,
        "        return _like(same=known.cluster == own.cluster)\n",
        "        if known.cluster == own.cluster:\n            return Likeness.SAME\n",
    ),
    (
        "test_C1_another_cluster_is_told_apart",
        _IDENTITY,
        "        return _like(same=any(known.parts[part] == own.parts[part] for part in shared))",
        ("        if any(known.parts[part] == own.parts[part] for part in shared):\n            return Likeness.SAME"),
    ),
    (
        "test_C1_what_says_nothing_of_a_cluster_is_no_evidence",
        _IDENTITY,
        "    if known.server != own.server:",
        "    if False:",
    ),
    (
        "test_C1_what_says_nothing_of_a_cluster_is_no_evidence",
        _IDENTITY,
        "    return bool(set(known.authorities) & set(own.authorities)) or not (known.authorities or own.authorities)",
        "    return True",
    ),
)

MUTATIONS = (*_OF_PROGRESS, *_OF_CONCLUSION, *_OF_IDENTITY)
