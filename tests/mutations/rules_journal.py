"""Mutations of the rules J1 to J5 (docs/correctness.md)."""

from tests.mutations.mutation import of

_SCRIPTS = "broker/scripts.py"
_USE = "core/caller/use.py"
_CLIENT = "broker/client.py"

MUTATIONS = of(
    "worker/test_rules_journal.py",
    (
        "test_J1_one_step_writes_entry_and_report_and_spends_the_token",
        _SCRIPTS,
        "redis.call('HSET', ARGV[8] .. id, unpack(ARGV, 10))",
        "",
    ),
    (
        "test_J1_one_step_writes_entry_and_report_and_spends_the_token",
        _SCRIPTS,
        "remember(id)\nif ARGV[7]",
        "if ARGV[7]",
    ),
    (
        "test_J1_whatever_is_written_ends_by_itself_after_a_time_that_valkey_counts",
        _SCRIPTS,
        "redis.call('PEXPIRE', ARGV[8] .. id, ARGV[9])",
        "",
    ),
    (
        "test_J1_whatever_is_written_ends_by_itself_after_a_time_that_valkey_counts",
        _SCRIPTS,
        "' ' .. id, 'PX', ARGV[2])",
        "' ' .. id, 'EXAT', 4102444800)",
    ),
    (
        "test_J1_an_event_whose_bell_may_not_be_rung_is_accepted_all_the_same",
        _SCRIPTS,
        "redis.pcall('PUBLISH', ARGV[6], ARGV[7])",
        "redis.call('PUBLISH', ARGV[6], ARGV[7])",
    ),
    (
        "test_J1_nobody_is_rung_for_what_was_not_accepted",
        _SCRIPTS,
        "local spent = text_of(KEYS[3])",
        "redis.pcall('PUBLISH', ARGV[6], ARGV[7])\nlocal spent = text_of(KEYS[3])",
    ),
    (
        "test_J1_a_script_that_valkey_has_forgotten_is_sent_again",
        _CLIENT,
        'return await connection.execute("EVAL", script.text, *rest)',
        "raise",
    ),
    (
        "test_J1_a_full_valkey_takes_nothing_and_spends_nothing",
        "broker/accept.py",
        "        reply = await self._client.eval_script(\n            ACCEPT,",
        (
            '        await self._client.call("CONFIG", "SET", "maxmemory", 0)\n'
            '        await self._client.call("SET", token, f"{use.fingerprint} 1-1")\n'
            "        reply = await self._client.eval_script(\n            ACCEPT,"
        ),
    ),
    (
        "test_J2_the_same_call_again_is_the_same_event",
        _SCRIPTS,
        "local spent = text_of(KEYS[3])",
        "local spent = false",
    ),
    (
        "test_J2_any_other_second_use_of_a_token_is_refused",
        _SCRIPTS,
        "if print == ARGV[1] and is_id(id) then return {'again', id} end",
        "if print then return {'again', id} end",
    ),
    (
        "test_J2_any_other_second_use_of_a_token_is_refused",
        _USE,
        "_digest(path, to_json(event).decode())",
        "_digest(to_json(event).decode())",
    ),
    (
        "test_J2_a_dry_run_does_not_swallow_the_real_event",
        _USE,
        "_digest(path, to_json(event).decode())",
        "_digest(to_json(event).decode())",
    ),
    (
        "test_J2_an_idempotency_key_makes_a_retry_of_a_call_with_a_fresh_token",
        _SCRIPTS,
        "local retried = KEYS[4] ~= KEYS[3] and text_of(KEYS[4])",
        "local retried = false",
    ),
    (
        "test_J2_an_idempotency_key_counts_for_one_run",
        _USE,
        "run = (identity.repository_id, identity.run_id, identity.run_attempt)",
        "run = (identity.repository_id, identity.run_attempt)",
    ),
    (
        "test_J2_an_idempotency_key_counts_for_one_run",
        _USE,
        "run = (identity.repository_id, identity.run_id, identity.run_attempt)",
        "run = (identity.repository_id, identity.run_id)",
    ),
    (
        "test_J2_an_idempotency_key_counts_for_one_run",
        _USE,
        "run = (identity.repository_id, identity.run_id, identity.run_attempt)",
        "run = (identity.run_id, identity.run_attempt)",
    ),
    (
        "test_J2_an_idempotency_key_counts_for_one_run",
        _USE,
        "_digest(*run, idempotency_key)",
        "_digest(*run)",
    ),
    (
        "test_J2_another_call_with_a_used_idempotency_key_is_refused_and_nothing_is_written",
        _SCRIPTS,
        "if print ~= ARGV[1] or not is_id(id) then return {'key-used'} end",
        "",
    ),
    (
        "test_J2_a_jti_that_an_issuer_repeats_is_no_retry_of_another_repositorys_call",
        _USE,
        "_digest(identity.issuer, identity.repository_id, identity.jti)",
        "_digest(identity.issuer, identity.jti)",
    ),
    (
        "test_J3_a_journal_keeps_its_name_until_it_is_gone",
        _SCRIPTS,
        "redis.call('SET', KEYS[2], ARGV[5], 'NX')",
        "redis.call('SET', KEYS[2], ARGV[5])",
    ),
    (
        "test_J3_a_journal_keeps_its_name_until_it_is_gone",
        _SCRIPTS,
        "redis.call('SET', KEYS[2], ARGV[5], 'NX')",
        "redis.call('SET', KEYS[2], '0123456789abcdef', 'NX')",
    ),
    (
        "test_J3_a_mark_counts_only_with_this_journals_name_and_ids",
        "core/restart/mark.py",
        "if mark is None or mark.journal != position.name or mark.covers > position.newest:",
        "if mark is None or mark.covers > position.newest:",
    ),
    (
        "test_J3_a_mark_counts_only_with_this_journals_name_and_ids",
        "core/restart/mark.py",
        "if mark is None or mark.journal != position.name or mark.covers > position.newest:",
        "if mark is None or mark.journal != position.name:",
    ),
    (
        "test_J3_a_mark_counts_only_with_this_journals_name_and_ids",
        "core/restart/decide.py",
        "if mark and mark.covers >= event:",
        "if mark and str(mark.covers) >= str(event):",
    ),
    (
        "test_J3_a_mark_that_nobody_here_wrote_silences_nothing_and_is_warned_of",
        "worker/restart.py",
        "if problem := odd_mark(case.workload, position):",
        'if (problem := "") and odd_mark(case.workload, position):',
    ),
    (
        "test_J3_a_mark_that_nobody_here_wrote_silences_nothing_and_is_warned_of",
        "core/restart/mark.py",
        "if mark is None or mark.journal != position.name or mark.covers > position.newest:",
        "if mark is None or mark.journal != position.name:",
    ),
    (
        "test_J3_no_script_gives_an_entry_an_id_of_its_own_choice",
        _SCRIPTS,
        "redis.call('XADD', KEYS[1], '*', unpack(ARGV, 7))",
        "redis.call('XADD', KEYS[1], ARGV[3], unpack(ARGV, 7))",
    ),
    (
        "test_J4_the_journal_is_trimmed_by_valkeys_own_time",
        _SCRIPTS,
        "local trimmed = redis.call('XTRIM', KEYS[1], 'MINID', oldest)",
        "local trimmed = 0",
    ),
    (
        "test_J4_the_journal_is_trimmed_by_valkeys_own_time",
        _SCRIPTS,
        "math.floor(now[2] / 1000) - ARGV[2])\n",
        "math.floor(now[2] / 1000) - ARGV[2] / 2)\n",
    ),
    (
        "test_J4_a_full_valkey_is_trimmed_too",
        _SCRIPTS,
        "local trimmed = redis.call('XTRIM'",
        "redis.call('SET', KEYS[1] .. 'x', '1')\nlocal trimmed = redis.call('XTRIM'",
    ),
    (
        "test_J4_a_worker_tidies_every_minute_whatever_goes_wrong",
        "worker/chores.py",
        "        await trio.sleep(_TIDY_SECONDS)",
        "        await trio.sleep_forever()",
    ),
    (
        "test_J4_a_worker_tidies_every_minute_whatever_goes_wrong",
        "worker/chores.py",
        "            await journal.tidy()\n        except BrokerUnavailable as error:",
        "            await journal.tidy()\n        except ZeroDivisionError as error:",
    ),
    (
        "test_J4_above_its_bound_the_journal_takes_nothing_and_spends_nothing",
        _SCRIPTS,
        "if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4]) then return {'full'} end",
        "",
    ),
    (
        "test_J4_above_its_bound_the_journal_takes_nothing_and_spends_nothing",
        _SCRIPTS,
        "if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4]) then return {'full'} end",
        "remember('1-1')\nif redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4]) then return {'full'} end",
    ),
    (
        "test_J4_foreign_messages_are_bounded_too",
        _SCRIPTS,
        "if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then return {'full'} end",
        "",
    ),
    (
        "test_J4_what_was_trimmed_while_its_worker_was_dead_is_settled_as_expired",
        "worker/consume.py",
        "for gone in claimed.deleted:",
        "for gone in ():",
    ),
    (
        "test_J4_what_was_trimmed_after_a_lost_reply_is_settled_as_expired",
        "worker/take.py",
        "if delivered.fields is None:",
        "if delivered.id is None:",
    ),
    (
        "test_J4_trimmed_entries_are_told_by_a_real_valkey",
        _SCRIPTS,
        "return {cursor, found, deliveries, deleted}",
        "return {cursor, found, deliveries, {}}",
    ),
    (
        "test_J5_stock_settings_are_found_wanting",
        "broker/durability.py",
        'a crash of Valkey loses the journal": not is_logged,',
        'a crash of Valkey loses the journal": False,',
    ),
    (
        "test_J5_stock_settings_are_found_wanting",
        "broker/durability.py",
        'is_logged and fsync not in {None, "always"},',
        "False,",
    ),
    (
        "test_J5_stock_settings_are_found_wanting",
        "broker/durability.py",
        'memory.get("maxmemory_policy") != "noeviction"',
        "False",
    ),
)
