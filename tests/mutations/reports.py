"""Mutations of the rules T1 to T4 (docs/correctness.md) in Valkey: scripts that write reports, and their readers."""

from tests.mutations.mutation import of

_SCRIPTS = "broker/report_scripts.py"
_ROLLOUTS = "broker/rollouts.py"
_RECENT = "broker/recent.py"

_OF_ROLLOUTS = of(
    "broker/test_rollouts.py",
    (
        "test_T2_what_is_about_to_be_done_is_written_down_and_followed",
        _SCRIPTS,
        "local function follow(followed, name, id)\n",
        "local function follow(followed, name, id)\n  do return end\n",
    ),
    (
        "test_T2_recorded_again_by_the_worker_that_takes_over_is_recorded_once",
        _SCRIPTS,
        "elseif not string.find(' ' .. held .. ' ', ' ' .. id .. ' ', 1, true) then",
        "else",
    ),
    (
        "test_T2_what_was_told_before_the_worker_died_is_not_taken_back_by_the_one_that_takes_over",
        _SCRIPTS,
        "    if one and at > (tonumber(is.version) or 0) and at <= 2 ^ 53 then return 0 end\n",
        "",
    ),
    (
        "test_T3_every_event_that_waits_for_a_workload_follows_it_oldest_first",
        _SCRIPTS,
        "local ids = held .. ' ' .. id",
        "local ids = id",
    ),
    (
        "test_T3_a_recreated_workload_is_followed_as_another_one",
        _ROLLOUTS,
        'return f"{spell_key(key)}/{uid}"',
        'return f"{spell_key(key)}/u1"',
    ),
    (
        "test_T1_a_report_moves_only_to_higher_versions",
        _SCRIPTS,
        "    if one and at > (tonumber(is.version) or 0) and at <= 2 ^ 53 then return 0 end\n",
        "",
    ),
    (
        "test_T1_what_was_skipped_may_come_to_match",
        "core/report/target.py",
        "Rule(frozenset({TargetState.WAITING}), is_folded=True)",
        "Rule(_NONE, is_folded=True)",
    ),
    (
        "test_T1_what_was_given_up_as_no_match_stays_so",
        _SCRIPTS,
        "    if one and at > (tonumber(is.version) or 0) and at <= 2 ^ 53 then return 0 end\n",
        "",
    ),
    (
        "test_T1_a_final_state_stays",
        _SCRIPTS,
        (
            "    if was.final == true and not (STATES[was.state] and STATES[was.state].may_become[is.state])"
            " then return 0 end\n"
        ),
        "",
    ),
    (
        "test_T1_the_outcome_is_written_and_the_entry_acknowledged_in_one_step",
        _SCRIPTS,
        "return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])",
        "return 1",
    ),
    (
        "test_T1_a_script_that_fails_half_way_has_acknowledged_nothing",
        _SCRIPTS,
        "local changed = 0\nlocal last = 5 + 2 * ARGV[5]\n",
        "redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])\nlocal changed = 0\nlocal last = 5 + 2 * ARGV[5]\n",
    ),
    (
        "test_T3_what_becomes_of_a_workloads_predecessor_is_nothing_to_an_event_that_has_gone_on_to_the_new_one",
        _SCRIPTS,
        "if listed[id] and is_of_it(report) and forward(",
        "if listed[id] and forward(",
    ),
    (
        "test_T3_an_end_at_an_older_version_than_the_report_has_is_no_end",
        _SCRIPTS,
        "  if not (listed[id] and ARGV[5] == '1') or goes_on(report) then",
        "  if not (listed[id] and ARGV[5] == '1') then",
    ),
    (
        "test_nothing_is_known_of_how_events_stand_once_others_have_come",
        _SCRIPTS,
        "  if not asked[id] then return {} end\n",
        "",
    ),
    (
        "test_how_any_number_of_events_stand_is_no_longer_an_answer_than_a_connection_takes",
        _SCRIPTS,
        "  if bytes > ENOUGH then break end\n",
        "",
    ),
    (
        "test_T4_a_group_says_since_when_it_is_there_and_as_what",
        _SCRIPTS,
        "if not last then first, earlier = now, 0",
        "first = now\nif not last then first, earlier = now, 0",
    ),
    (
        "test_T4_a_group_that_was_gone_for_a_day_begins_anew",
        _SCRIPTS,
        "elseif now - last > tonumber(ARGV[2]) then first, earlier = now, last end",
        "end",
    ),
    (
        "test_ten_thousand_rollouts_are_followed_page_by_page",
        _SCRIPTS,
        "until cursor == '0' or bytes > tonumber(ARGV[2]) or steps == 20000",
        "until cursor == '0'",
    ),
)

_OF_RECENT = of(
    "broker/test_recent.py",
    (
        "test_what_has_ended_is_not_sent_again_and_what_goes_on_is",
        _RECENT,
        "        self._known = known\n",
        "",
    ),
    (
        "test_an_ended_report_that_another_cluster_joins_is_read_again",
        _RECENT,
        "        if before and before.size == size:",
        "        if before:",
    ),
    (
        "test_many_reports_that_are_long_together_are_all_read",
        _RECENT,
        "or size > tonumber(ARGV[4]) or bytes_left <= 0",
        "or size > tonumber(ARGV[4])",
    ),
)

_OF_CLUSTERS = of(
    "broker/test_clusters.py",
    (
        "test_T4_an_event_waits_for_a_forgotten_cluster_no_more",
        "broker/clusters.py",
        "  redis.call('HDEL', KEYS[1], group)\n",
        "",
    ),
)

_OF_JOURNAL = of(
    "broker/test_journal.py",
    (
        "test_the_position_is_told_however_large_the_entries_are",
        "broker/scripts.py",
        "return {name, newest, is_new}",
        "return {name, newest, is_new, redis.call('XINFO', 'STREAM', KEYS[1])}",
    ),
)

_OF_REPORTS = of(
    "broker/test_reports.py",
    (
        "test_T4_an_event_waits_for_the_clusters_that_were_alive_before_it",
        _SCRIPTS,
        "local groups, now, size = groups_of(KEYS[2]), redis.call('TIME')[1], size_of(KEYS[1])",
        "local groups, now, size = {}, redis.call('TIME')[1], size_of(KEYS[1])",
    ),
    (
        "test_T1_the_final_state_that_was_told_first_stays",
        "broker/reports.py",
        "        if state not in FINAL or report.ended:",
        "        if True:",
    ),
    (
        "test_of_two_that_come_to_different_ends_at_once_the_first_one_counts",
        _SCRIPTS,
        "if ended and #ended <= 64 then return ended end",
        "",
    ),
    (
        "test_a_valkey_that_takes_nothing_more_keeps_nobody_from_reading",
        "broker/reports.py",
        "        except BrokerUnavailable:",
        "        except ZeroDivisionError:",
    ),
)

_OF_CLUSTER_NAMES = of(
    "worker/test_cluster_identity.py",
    (
        "test_C1_what_cannot_be_told_is_said_as_that",
        "broker/clusters.py",
        "return _TAKEN if compare(known, own) is Likeness.ANOTHER else _UNKNOWN",
        "return _TAKEN",
    ),
    (
        "test_C1_a_record_of_somebody_else_is_kept_until_it_may_go",
        "broker/clusters.py",
        "    if found and not is_same and not replace:",
        "    if known and not is_same and not replace:",
    ),
    (
        "test_C1_a_full_valkey_does_not_keep_a_cluster_from_its_own_name",
        "broker/clusters.py",
        "        if not is_same:\n            raise\n",
        "        raise\n",
    ),
)

_OF_STATES = of(
    "broker/test_target_states.py",
    (
        "test_T1_from_each_state_to_each_other_as_the_table_has_it",
        "broker/target_lua.py",
        "for one in sorted(rule.may_become))",
        "for one in ())",
    ),
    (
        "test_T1_between_no_two_states_does_an_older_version_come_after",
        _SCRIPTS,
        "    if one and at > (tonumber(is.version) or 0) and at <= 2 ^ 53 then return 0 end\n",
        "",
    ),
    (
        "test_T1_beyond_a_thousand_fields_those_are_dropped_that_the_table_folds",
        _SCRIPTS,
        "  if not (rule and rule.is_folded) or redis",
        "  if not rule or redis",
    ),
)

_OF_JOBS = (
    *of(
        "client/test_report.py",
        (
            "test_what_krt_web_says_is_final_is_whatever_the_state",
            "core/report/report_document.py",
            "return self.state in FINAL if self.final is None else self.final",
            "return self.state in FINAL",
        ),
    ),
    *of(
        "client/test_ending.py",
        (
            "test_an_end_that_only_a_newer_krt_web_knows_is_named_and_is_a_failure",
            "client/ending.py",
            "        case state if report.is_final:",
            "        case state if False:",
        ),
    ),
)

MUTATIONS = (
    *_OF_JOBS,
    *_OF_STATES,
    *_OF_CLUSTER_NAMES,
    *_OF_REPORTS,
    *_OF_CLUSTERS,
    *_OF_JOURNAL,
    *_OF_RECENT,
    *_OF_ROLLOUTS,
)
