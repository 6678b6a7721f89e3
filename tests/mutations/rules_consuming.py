"""Mutations of the rules C1 to C6 (docs/correctness.md)."""

from tests.mutations.mutation import of

_PRESENCE = "core/report/presence.py"
_CLUSTERS = "broker/clusters.py"
_JOURNAL = "broker/journal.py"
_SCRIPTS = "broker/scripts.py"
_TAKE = "worker/take.py"
_CONSUME = "worker/consume.py"
_CLAIMS = "worker/claims.py"
_RESTART = "worker/restart.py"

MUTATIONS = of(
    "worker/test_rules_consuming.py",
    (
        "test_C1_workers_that_see_other_workloads_share_no_group",
        _PRESENCE,
        'return f"{cluster}:{sha256',
        'return f"default:{sha256',
    ),
    (
        "test_C1_workers_that_see_other_workloads_share_no_group",
        _PRESENCE,
        "scope = [sorted(presence.namespaces), sorted(presence.kinds), presence.require_opt_in]",
        "scope = [sorted(presence.kinds), presence.require_opt_in]",
    ),
    (
        "test_C1_workers_that_see_other_workloads_share_no_group",
        _PRESENCE,
        "scope = [sorted(presence.namespaces), sorted(presence.kinds), presence.require_opt_in]",
        "scope = [sorted(presence.namespaces), presence.require_opt_in]",
    ),
    (
        "test_C1_workers_that_see_other_workloads_share_no_group",
        _PRESENCE,
        "scope = [sorted(presence.namespaces), sorted(presence.kinds), presence.require_opt_in]",
        "scope = [sorted(presence.namespaces), sorted(presence.kinds)]",
    ),
    (
        "test_C1_workers_that_see_the_same_workloads_share_a_group",
        _PRESENCE,
        "sorted(presence.namespaces)",
        "presence.namespaces",
    ),
    (
        "test_C1_a_cluster_takes_no_name_of_another",
        _CLUSTERS,
        "    if found and not is_same and not replace:",
        "    if False:",
    ),
    (
        "test_C1_a_cluster_in_the_place_of_another_takes_its_name_when_told_to",
        _CLUSTERS,
        "name, own, replace=replace):",
        "name, own, replace=False):",
    ),
    (
        "test_C2_what_was_accepted_before_the_first_worker_came_is_handled",
        _SCRIPTS,
        "redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')",
        "redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '$', 'MKSTREAM')",
    ),
    (
        "test_C2_a_group_that_is_gone_is_made_anew_from_the_beginning",
        _JOURNAL,
        "            if error.code not in _GROUP_TO_MEND:\n                raise\n",
        "            raise\n",
    ),
    (
        "test_C2_a_new_group_restarts_nothing_that_is_newer_than_an_old_event",
        _TAKE,
        "anew = [w.key for w in matched if is_backlog and is_anew(w, entry.id, age_seconds=age_seconds)]",
        "anew = list[ObjectKey]()",
    ),
    (
        "test_C2_a_new_group_restarts_everything_for_a_young_event",
        _TAKE,
        "_BACKLOG_SECONDS = 60.0",
        "_BACKLOG_SECONDS = -1000.0",
    ),
    (
        "test_C2_a_group_that_is_no_news_restarts_everything_for_an_old_event",
        _TAKE,
        "return made if entry.milliseconds / 1000 < made else None",
        "return entry.milliseconds / 1000 + 2 * _BACKLOG_SECONDS",
    ),
    (
        "test_C3_two_workers_of_one_pod_name_are_two_consumers",
        _JOURNAL,
        "self._consumer = token_hex(8)",
        'self._consumer = "krt-worker-0"',
    ),
    (
        "test_C3_entries_of_a_reply_that_was_lost_are_looked_for_first",
        _CONSUME,
        "            except BrokerUnavailable as error:\n                self._reply_lost = True\n",
        "            except BrokerUnavailable as error:\n",
    ),
    (
        "test_C3_what_is_in_hand_is_nobody_elses_while_its_worker_lives",
        "worker/role.py",
        "            nursery.start_soon(claims.renew, journal, hand, consumer.hear_own, stalls)\n",
        "",
    ),
    (
        "test_C3_what_is_in_hand_is_nobody_elses_while_its_worker_lives",
        _CLAIMS,
        "_RENEW_SECONDS = 5.0",
        "_RENEW_SECONDS = 20.0",
    ),
    (
        "test_C3_what_another_worker_has_taken_over_is_dropped",
        _CLAIMS,
        "        hand.keep_only(own, held)\n",
        "",
    ),
    (
        "test_C3_dead_workers_entries_are_found_behind_any_number_of_living_ones",
        _CONSUME,
        "            self._cursor = claimed.cursor\n",
        "",
    ),
    (
        "test_C3_dead_workers_entries_are_found_behind_any_number_of_living_ones",
        _CONSUME,
        '            if claimed.entries or claimed.cursor == "0-0":\n',
        ("            self._claim_at = trio.current_time() + _LOOK_SECONDS\n            if True:\n"),
    ),
    (
        "test_C3_a_worker_that_stops_leaves_its_entries_to_the_others_at_once",
        "worker/role.py",
        "        await claims.release(journal, hand)",
        "        pass",
    ),
    (
        "test_C3_a_released_entry_is_not_delivered_once_more_for_that",
        _SCRIPTS,
        "{'IDLE', ARGV[4], 'JUSTID'}",
        "{'IDLE', ARGV[4]}",
    ),
    (
        "test_C3_a_consumer_is_forgotten_only_with_nothing_pending_and_after_a_day",
        _SCRIPTS,
        "if fields['pending'] == 0 and fields['idle']",
        "if fields['idle']",
    ),
    (
        "test_C3_a_consumer_is_forgotten_only_with_nothing_pending_and_after_a_day",
        _SCRIPTS,
        "if fields['pending'] == 0 and fields['idle'] > tonumber(ARGV[3]) then",
        "if fields['pending'] == 0 then",
    ),
    (
        "test_C4_a_worker_takes_no_more_than_its_hand_holds",
        _CONSUME,
        "return min(self._hand.room - len(self._suspects), _READ_AT_ONCE)",
        "return _READ_AT_ONCE",
    ),
    (
        "test_C4_events_that_a_newer_one_serves_are_settled_at_once",
        "worker/entry.py",
        "            self.heir = newer\n",
        "            pass\n",
    ),
    (
        "test_C4_a_bad_workload_does_not_fill_the_hand",
        "worker/entry.py",
        "            self.heir = newer\n",
        "            pass\n",
    ),
    (
        "test_C4_an_event_that_names_more_than_the_newer_one_waits_for_late_matches",
        "worker/entry.py",
        "if own.repository == its.repository and set(own.tags) <= set(its.tags):",
        "if own.repository == its.repository:",
    ),
    (
        "test_C5_an_entry_that_nobody_can_read_is_settled_and_the_next_one_handled",
        _TAKE,
        "        except EntryUnreadable as error:\n",
        "        except ZeroDivisionError as error:\n",
    ),
    (
        "test_C5_an_entry_that_its_handler_chokes_on_is_settled_with_a_traceback_in_the_log",
        _CONSUME,
        "        except Exception as error:  # noqa: BLE001 - C5",
        "        except KeyError as error:  # noqa: BLE001 - C5",
    ),
    (
        "test_C5_a_restart_that_crashes_fails_that_workload_alone",
        "worker/waiting.py",
        "        except Exception as error:  # noqa: BLE001 - C5",
        "        except KeyError as error:  # noqa: BLE001 - C5",
    ),
    (
        "test_C5_an_event_that_a_change_is_too_much_for_does_not_end_the_watch",
        "worker/changes.py",
        "            except Exception as error:  # noqa: BLE001 - C5",
        "            except KeyError as error:  # noqa: BLE001 - C5",
    ),
    (
        "test_C5_an_entry_that_ten_workers_were_given_is_handled_alone_and_last",
        _CONSUME,
        "        if delivered.deliveries >= _MOST_DELIVERIES:",
        "        if False:",
    ),
    (
        "test_C5_an_entry_that_ten_workers_were_given_is_handled_alone_and_last",
        _CONSUME,
        "if not self._suspects or not (self._hand.is_idle or trio.current_time() >= self._suspect_at):",
        "if not self._suspects:",
    ),
    (
        "test_C5_what_ten_workers_were_given_waits_for_no_bookmark",
        _CONSUME,
        "not (self._hand.is_idle or",
        "not (not len(self._hand) or",
    ),
    (
        "test_C5_what_ten_workers_were_given_waits_for_what_is_never_done_a_minute_at_most",
        _CONSUME,
        "(self._hand.is_idle or trio.current_time() >= self._suspect_at)",
        "self._hand.is_idle",
    ),
    (
        "test_C5_entries_that_wait_to_be_handled_alone_are_bounded",
        _CONSUME,
        "return min(self._hand.room - len(self._suspects), _READ_AT_ONCE)",
        "return min(self._hand.room, _READ_AT_ONCE)",
    ),
    (
        "test_C5_an_entry_of_any_size_is_settled_and_no_other_waits_for_it",
        _SCRIPTS,
        "if size <= most then return size end",
        "if true then return 64 end",
    ),
    (
        "test_C5_deliveries_are_counted_by_a_real_valkey",
        _SCRIPTS,
        "deliveries[#found] = pending[1] and pending[1][4] or 1",
        "deliveries[#found] = 1",
    ),
    (
        "test_C5_deliveries_are_counted_by_a_real_valkey",
        _JOURNAL,
        "counts.get(entry, 2)",
        "2",
    ),
    (
        "test_C5_an_entry_of_a_newer_krt_is_left_for_a_newer_worker",
        _TAKE,
        "            await self._journal.leave(delivered.id)\n",
        "",
    ),
    (
        "test_C5_what_is_left_is_nobodys_to_a_real_valkey",
        _JOURNAL,
        '"IDLE", _RELEASED_MILLISECONDS, "RETRYCOUNT", 0, "JUSTID"',
        '"IDLE", _RELEASED_MILLISECONDS, "JUSTID"',
    ),
    (
        "test_C5_what_is_left_is_nobodys_to_a_real_valkey",
        _JOURNAL,
        '"IDLE", _RELEASED_MILLISECONDS, "RETRYCOUNT", 0, "JUSTID"',
        '"RETRYCOUNT", 0, "JUSTID"',
    ),
    (
        "test_C5_what_is_left_is_nobodys_to_a_real_valkey",
        _JOURNAL,
        'self._group, "left", 0, str(entry))',
        "self._group, self._consumer, 0, str(entry))",
    ),
    (
        "test_C6_an_event_too_old_when_first_matched_expires",
        _TAKE,
        "        elif await self._is_too_old(delivered.id, accepted_at):",
        "        elif False:",
    ),
    (
        "test_C6_an_event_matched_in_time_is_tried_on_by_the_next_worker",
        _TAKE,
        "        return not await self._rollouts.is_open(entry)",
        "        return True",
    ),
    (
        "test_C2_an_event_that_was_settled_is_not_begun_anew_when_its_group_is[1800]",
        _TAKE,
        "if made is not None and await self._rollouts.is_over(delivered.id):",
        "if False:",
    ),
    (
        "test_C6_an_event_is_open_from_its_first_match_until_it_is_settled",
        "broker/rollouts.py",
        "return said is not None and not parse_group(_text(said)).final",
        "return said is not None",
    ),
    (
        "test_C6_an_event_is_open_from_its_first_match_until_it_is_settled",
        "broker/rollouts.py",
        "return said is not None and not parse_group(_text(said)).final",
        "return False",
    ),
    (
        "test_C6_a_matched_workload_is_tried_for_that_long_and_then_expires",
        _RESTART,
        "        case.scope.deadline = trio.current_time() + self._rules.max_seconds\n",
        "",
    ),
    (
        "test_C6_time_under_the_cap_is_not_counted",
        _RESTART,
        "        with case.clock_stopped():\n            await self._calls.acquire()",
        "        if True:\n            await self._calls.acquire()",
    ),
    (
        "test_C6_time_under_the_cap_is_not_counted",
        _RESTART,
        "            with case.clock_stopped():\n                await self._pace.turn()",
        "            if True:\n                await self._pace.turn()",
    ),
)
