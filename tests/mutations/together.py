"""Mutations for several workers, for faults that coincide, and for the position of the journal."""

from tests.mutations.mutation import of

_POSITION = "worker/position.py"

_OF_MANY = of(
    "worker/test_many_workers.py",
    (
        "test_two_clusters_on_one_valkey_each_restart_for_every_event",
        "broker/journal.py",
        "        self._group = group\n",
        '        self._group = "one"\n',
    ),
    (
        "test_workers_of_one_cluster_take_each_event_once",
        "broker/journal.py",
        "        self._group = group\n",
        "        self._group = token_hex(4)\n",
    ),
    (
        "test_a_rolling_update_of_the_workers_loses_nothing_and_doubles_nothing",
        "worker/role.py",
        "        await claims.release(journal, hand)",
        "        pass",
    ),
    (
        "test_a_rolling_update_of_the_workers_loses_nothing_and_doubles_nothing",
        "core/restart/decide.py",
        "    if mark and mark.covers >= event:",
        "    if False:",
    ),
)

_OF_LOAD = of(
    "worker/test_load.py",
    (
        "test_workers_together_keep_each_to_its_cap",
        "worker/restart.py",
        "            await self._calls.acquire()\n",
        "            pass\n",
    ),
    (
        "test_workers_together_keep_each_to_its_cap",
        "worker/pace.py",
        "        if earned > trio.current_time():",
        "        if False:",
    ),
    (
        "test_what_was_accepted_while_no_worker_ran_is_handled_or_expires",
        "worker/take.py",
        "        elif await self._is_too_old(delivered.id, accepted_at):",
        "        elif False:",
    ),
)

_OF_FAULTS = of(
    "worker/test_found_by_faults.py",
    (
        "test_a_mark_from_beyond_what_a_worker_without_valkey_knows_is_no_forgery",
        _POSITION,
        "        return await self.ask() if odd_mark(workload, known) else known",
        "        return known",
    ),
    (
        "test_entries_that_are_given_after_the_worker_has_looked_for_them_are_found",
        "worker/consume.py",
        "        if strange & self._strange:",
        "        if False:",
    ),
    (
        "test_an_event_that_is_superseded_while_somebody_looks_at_what_is_followed_is_not_given_up",
        "worker/follow.py",
        "        if not beyond:",
        (
            "        beyond = beyond or {event: Standing(settled=True, target=None) for event in one.events}\n"
            "        if not beyond:"
        ),
    ),
    (
        "test_a_restart_that_is_newer_than_where_the_journal_stood_is_not_taken_for_taken_back",
        "worker/follow.py",
        "            position = await self._position.judging(workload, position)",
        "            pass",
    ),
    (
        "test_a_foreign_message_whose_adoption_was_not_heard_of_is_adopted_once",
        "broker/scripts.py",
        "if known and is_id(known) then return {'adopted', known} end",
        "",
    ),
)

_OF_POSITION = of(
    "worker/test_position.py",
    (
        "test_R2_all_who_ask_during_an_exchange_share_the_next_one",
        _POSITION,
        "        asked = self._asked\n",
        "        asked = _Asked()\n",
    ),
    (
        "test_R2_an_exchange_that_has_begun_answers_nobody_who_asks_later",
        _POSITION,
        "                self._asked = _Asked()\n                await self._answer(asked)\n",
        "                await self._answer(asked)\n                self._asked = _Asked()\n",
    ),
    (
        "test_a_failure_is_everybodys_who_shared_the_exchange_and_nobodys_after_it",
        _POSITION,
        "            asked.problem = str(error)",
        "            raise",
    ),
    (
        "test_who_is_cancelled_leaves_the_exchange_to_the_others",
        _POSITION,
        "            if not (asked.answer or asked.problem):",
        "            if self._asked is asked:",
    ),
)

MUTATIONS = (*_OF_FAULTS, *_OF_LOAD, *_OF_MANY, *_OF_POSITION)
