"""Mutations of the rules R1 to R6 (docs/correctness.md)."""

from tests.mutations.mutation import of

_CHANGES = "worker/changes.py"
_RESTART = "worker/restart.py"
_WAITING = "worker/waiting.py"
_CALLS = "cluster/workloads/calls.py"
_REFUSAL = "cluster/refusal.py"

_OWN_ID = "Mark(position.name, position.newest, restarted_at)"
_ONLY_ITS_OWN = "Mark(position.name, case.intent.id, restarted_at)"
_ONE_AFTER_ANOTHER = '                nursery.start_soon(self._settle, key, name=f"restart {key}")'

MUTATIONS = of(
    "worker/test_rules_restart.py",
    (
        "test_R1_a_mark_left_behind_by_a_reverted_template_is_not_believed",
        "core/restart/mark.py",
        "return None if undone_mark(workload, now) else mark",
        "return mark",
    ),
    (
        "test_R1_a_restart_that_somebody_undoes_while_its_event_is_open_is_made_again",
        _CHANGES,
        "        if _is_undone(entry, after, self._now()):",
        "        if False:",
    ),
    (
        "test_R1_against_a_writer_who_insists_it_is_made_again_twice",
        _CHANGES,
        "if len(marks) <= _MOST_TIMES_AGAIN:",
        "if True:",
    ),
    (
        "test_R1_an_undone_restart_is_made_again_once_however_often_it_is_heard_of",
        _CHANGES,
        "        if workload.mark in marks:",
        "        if False:",
    ),
    (
        "test_R1_whoever_takes_the_mark_back_too_has_his_way",
        _CHANGES,
        "    return mark is not None and mark.covers >= entry.id",
        "    return mark is not None and mark.covers >= entry.id or workload.restarted_at is None",
    ),
    (
        "test_R1_patches_are_krts_own_in_managed_fields_and_change_nothing_else",
        _CALLS,
        '        params={"fieldManager": FIELD_MANAGER},\n',
        "",
    ),
    (
        "test_R1_patches_are_krts_own_in_managed_fields_and_change_nothing_else",
        _CALLS,
        '"spec": {"template": template}}',
        '"spec": {"paused": True, "template": template}}',
    ),
    (
        "test_R2_a_burst_is_two_restarts_however_many_workers_there_are",
        _RESTART,
        _OWN_ID,
        _ONLY_ITS_OWN,
    ),
    (
        "test_R2_a_restart_covers_whatever_was_accepted_before_it",
        _RESTART,
        _OWN_ID,
        _ONLY_ITS_OWN,
    ),
    (
        "test_R2_the_cause_is_the_event_that_the_restart_was_made_for",
        _RESTART,
        "case.intent.cause, mark.covers)",
        '"", mark.covers)',
    ),
    (
        "test_R2_without_valkey_a_restart_covers_what_its_worker_has_seen",
        "worker/position.py",
        "        self._seen = max(self._seen, entry)",
        "        pass",
    ),
    (
        "test_R2_who_has_never_heard_where_the_journal_stands_waits_for_it",
        _RESTART,
        "            except BrokerUnavailable as error:",
        "            except ZeroDivisionError as error:",
    ),
    (
        "test_R2_who_is_cut_off_from_valkey_doubts_no_mark_that_is_newer_than_it_knows",
        "worker/position.py",
        "        return await self.ask() if odd_mark(workload, known) else known",
        "        return known",
    ),
    (
        "test_R3_the_interval_counts_from_what_the_object_says",
        "core/restart/decide.py",
        "    return min(left, interval_seconds)",
        "    return left",
    ),
    (
        "test_R3_the_interval_counts_from_what_the_object_says",
        "core/restart/decide.py",
        "    restarted_at = parse_time(workload.restarted_at)\n    if restarted_at is None:",
        "    restarted_at = None\n    if restarted_at is None:",
    ),
    (
        "test_R3_at_the_end_of_the_interval_match_and_opt_out_are_decided_again",
        _RESTART,
        "        if not isinstance(verdict, Match):",
        "        if False:",
    ),
    (
        "test_R3_at_the_end_of_the_interval_match_and_opt_out_are_decided_again",
        _RESTART,
        "        if workload.uid != case.workload.uid:",
        "        if False:",
    ),
    (
        "test_R3_at_the_end_of_the_interval_the_mark_is_decided_again",
        "core/restart/decide.py",
        "    if mark and mark.covers >= event:",
        "    if mark and waited_out is None and mark.covers >= event:",
    ),
    (
        "test_R4_an_edit_between_decision_and_patch_is_kept",
        _RESTART,
        "                    except Conflict as error:",
        "                    except ZeroDivisionError as error:",
    ),
    (
        "test_R4_an_object_that_has_changed_refuses_the_patch",
        _CALLS,
        '{"resourceVersion": workload.resource_version, "annotations": annotations}',
        '{"annotations": annotations}',
    ),
    (
        "test_R4_against_a_writer_who_is_always_faster_there_is_no_backoff",
        _RESTART,
        '                        self._metrics.retried("conflict")',
        '                        raise ClusterUnavailable("409") from error',
    ),
    (
        "test_R4_after_a_conflict_the_object_counts_and_not_the_index",
        _RESTART,
        "            await self._wait_for_turn(case, decision)\n            await self._reread(case)",
        "            await self._wait_for_turn(case, decision)\n            await trio.sleep(0.1)",
    ),
    (
        "test_R4_after_a_conflict_matching_and_uid_are_decided_again",
        _RESTART,
        "        if workload.uid != case.workload.uid:",
        "        if False:",
    ),
    (
        "test_R4_after_a_conflict_matching_and_uid_are_decided_again",
        _RESTART,
        "        if not isinstance(verdict, Match):",
        "        if False:",
    ),
    (
        "test_R5_an_api_server_that_denies_everybody_for_a_moment_is_waited_for",
        _RESTART,
        "                if not case.denial_may_pass():",
        "                if True:",
    ),
    (
        "test_R5_who_denies_for_longer_than_a_minute_means_it",
        _RESTART,
        "                if not case.denial_may_pass():",
        "                if False:",
    ),
    (
        "test_R5_an_api_server_that_calls_the_version_too_old_is_asked_again",
        _RESTART,
        "            except (ClusterUnavailable, VersionExpired) as error:",
        "            except ClusterUnavailable as error:",
    ),
    (
        "test_R5_a_refusal_with_a_reason_is_settled_at_once",
        _RESTART,
        "            except ClusterRefused as error:\n                return Failed(str(error))",
        '            except ClusterRefused as error:\n                self._say_retry(case, error, "refused")',
    ),
    (
        "test_R5_a_denial_is_told_from_a_refusal_by_its_words",
        _REFUSAL,
        "return ClusterDenied(problem) if _not_permitted(status) else ClusterRefused(problem)",
        "return ClusterDenied(problem)",
    ),
    (
        "test_R5_a_denial_is_told_from_a_refusal_by_its_words",
        _REFUSAL,
        "return ClusterDenied(problem) if _not_permitted(status) else ClusterRefused(problem)",
        "return ClusterRefused(problem)",
    ),
    (
        "test_R6_containers_and_tags_of_one_event_are_one_restart",
        _RESTART,
        "                        restarted = await self._patch(case, position)\n",
        (
            "                        for _ in range(2):\n"
            "                            restarted = await self._patch(case, position)\n"
            "                            case.workload = restarted\n"
        ),
    ),
    (
        "test_R6_images_of_one_moment_are_one_restart",
        _RESTART,
        _OWN_ID,
        _ONLY_ITS_OWN,
    ),
    (
        "test_a_workload_whose_patch_always_fails_delays_no_other",
        _WAITING,
        _ONE_AFTER_ANOTHER,
        "                await self._settle(key)",
    ),
    (
        "test_a_workload_whose_patch_hangs_delays_no_other",
        _WAITING,
        _ONE_AFTER_ANOTHER,
        "                await self._settle(key)",
    ),
)
