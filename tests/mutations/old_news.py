"""Mutations of the rule C2 (docs/correctness.md) for events that ended before the group of workers was made."""

from tests.mutations.mutation import of

_TAKE = "worker/take.py"
_CONCLUSION = "core/report/conclusion.py"
_REPORT_SCRIPTS = "broker/report_scripts.py"

MUTATIONS = of(
    "worker/test_old_news.py",
    (
        "test_C2_an_event_that_has_ended_is_old_news_to_workers_that_join_later",
        _TAKE,
        "if made is not None and await self._rollouts.is_over(delivered.id):",
        "if False:",
    ),
    (
        "test_C2_an_event_that_has_ended_is_old_news_to_workers_that_join_later",
        _CONCLUSION,
        "return bool(report.ended) or (bool(counted(report, seen)) and _state_now(report, seen) in FINAL)",
        "return bool(report.ended)",
    ),
    (
        "test_C2_an_event_that_a_job_was_told_has_ended_is_old_news_too",
        _CONCLUSION,
        "return bool(report.ended) or (bool(counted(report, seen)) and _state_now(report, seen) in FINAL)",
        "return bool(counted(report, seen)) and _state_now(report, seen) in FINAL",
    ),
    (
        "test_C2_an_event_that_is_open_is_news_to_workers_that_join_later",
        _CONCLUSION,
        "return bool(report.ended) or (bool(counted(report, seen)) and _state_now(report, seen) in FINAL)",
        "return True",
    ),
    (
        "test_C2_workers_that_have_not_said_yet_that_they_are_there_are_heirs_all_the_same",
        "broker/rollouts.py",
        "is_over_for(report, seen.and_now(self._group, self._presence), self._group)",
        "is_over_for(report, seen, self._group)",
    ),
    (
        "test_C2_an_event_that_nobody_took_up_is_news_to_the_first_worker_however_old",
        _CONCLUSION,
        "(bool(counted(report, seen)) and _state_now(report, seen) in FINAL)",
        "_state_now(report, seen) in FINAL",
    ),
    (
        "test_C2_a_group_that_is_made_again_ends_what_it_has_begun",
        _CONCLUSION,
        "        return own.final\n",
        "        return True\n",
    ),
    (
        "test_C2_a_group_that_is_made_again_leaves_alone_what_it_has_settled",
        _CONCLUSION,
        "    if own := report.groups.get(group):\n        return own.final\n",
        "",
    ),
    (
        "test_C2_what_somebodys_hand_wrote_holds_up_no_event",
        "broker/bounded.py",
        "local size = redis.pcall('HLEN', key)",
        "local size = redis.call('HLEN', key)",
    ),
    (
        "test_C2_what_somebodys_hand_wrote_holds_up_no_event",
        "broker/mend.py",
        'if error.code != "WRONGTYPE":',
        "if True:",
    ),
    (
        "test_C2_what_somebodys_hand_wrote_holds_up_no_event",
        "broker/scripts.py",
        "if not string.find(made, '^%d+$') or",
        "if made == '' or",
    ),
)
