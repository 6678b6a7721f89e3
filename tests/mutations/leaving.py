"""Mutations of the rule T4 (docs/correctness.md) if a cluster's workers stop in order."""

from tests.mutations.mutation import of

_PRESENCE = "core/report/presence.py"
_CONCLUSION = "core/report/conclusion.py"
_REPORT_SCRIPTS = "broker/report_scripts.py"
_DAEMON = "daemon/worker.py"

_IN_CORE = (
    *of(
        "core/test_presence.py",
        (
            "test_T4_a_group_that_left_before_the_event_is_not_waited_for",
            _PRESENCE,
            "return self.is_silent(group) and group in self.groups and self.groups[group].presence.left",
            "return False",
        ),
        (
            "test_T4_a_group_that_left_before_the_event_is_not_waited_for",
            _PRESENCE,
            " if seen.groups[name].last + 1 <= accepted_at)",
            ")",
        ),
        (
            "test_T4_a_group_that_left_before_the_event_is_not_waited_for",
            _PRESENCE,
            "return self.is_silent(group) and group in self.groups and self.groups[group].presence.left",
            "return group in self.groups and self.groups[group].presence.left",
        ),
        (
            "test_T4_one_that_crashed_is_waited_for_and_so_is_one_that_is_back",
            _PRESENCE,
            "return self.is_silent(group) and group in self.groups and self.groups[group].presence.left",
            "return self.is_silent(group) and group in self.groups",
        ),
    ),
    *of(
        "core/test_conclusion.py",
        (
            "test_T4_a_cluster_that_has_left_does_not_decide_and_is_named",
            _PRESENCE,
            "if name not in left]",
            "]",
        ),
        (
            "test_T4_where_another_group_of_the_cluster_is_there_it_has_not_left",
            _CONCLUSION,
            " if cluster_of(group) not in there)",
            ")",
        ),
    ),
    *of(
        "core/test_document.py",
        (
            "test_T4_a_cluster_that_had_left_is_named_beside_those_that_are_waited_for",
            "core/report/document.py",
            "return (*found, *(_left(name, seen) for name in sorted(left(report, seen))))",
            "return tuple(found)",
        ),
    ),
)

_IN_VALKEY = of(
    "broker/test_rollouts.py",
    (
        "test_T4_the_last_worker_that_is_stopped_says_that_its_group_has_left",
        "broker/rollouts.py",
        "msgspec.structs.replace(self._presence, left=True)",
        "self._presence",
    ),
    (
        "test_T4_a_worker_that_is_stopped_beside_others_says_nothing",
        _REPORT_SCRIPTS,
        "  and others_living(KEYS[1], ARGV[1], own, now) == 0\n",
        "",
    ),
    (
        "test_T4_one_that_died_within_the_minute_keeps_the_last_one_from_saying_it",
        _REPORT_SCRIPTS,
        "if math.abs(now - (tonumber(said[i + 1]) or 0)) <= ABSENT then living = living + 1",
        "if true then living = living + 1",
    ),
    (
        "test_T4_the_dead_are_not_kept_for_ever",
        _REPORT_SCRIPTS,
        "return others_living(KEYS[1], ARGV[1], own, now)\n",
        "",
    ),
    (
        "test_T4_a_worker_that_never_said_that_it_is_there_cannot_say_that_its_group_has_left",
        _REPORT_SCRIPTS,
        "local is_last = first and redis.call('HGET', KEYS[1], own)\n",
        "local is_last = first\n",
    ),
    (
        "test_T4_workers_of_other_groups_are_no_others",
        _REPORT_SCRIPTS,
        "if string.sub(said[i], 1, #group + 1) == group .. '/' and said[i] ~= own then",
        "if string.find(said[i], '/', 1, true) and said[i] ~= own then",
    ),
)

_IN_PROCESSES = of(
    "daemon/test_leaving.py",
    (
        "test_T4_a_worker_that_is_stopped_says_that_its_cluster_leaves",
        _DAEMON,
        "        await chores.leave(rollouts)",
        "        pass",
    ),
    (
        "test_T4_a_worker_that_crashes_says_nothing",
        _DAEMON,
        "        await work(around, matching, rules, bounds, metrics=metrics, stalls=stalls, on_restart=on_restart)\n",
        (
            "        try:\n"
            "            await work(around, matching, rules, bounds, metrics=metrics, stalls=stalls)\n"
            "        finally:\n"
            "            with trio.CancelScope(shield=True):\n"
            "                await chores.leave(rollouts)\n"
        ),
    ),
)

MUTATIONS = (*_IN_CORE, *_IN_VALKEY, *_IN_PROCESSES)
