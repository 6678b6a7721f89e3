"""Mutations of the rules I1 to I4 (docs/correctness.md)."""

from tests.mutations.mutation import of

_REFLECT = "cluster/reflect.py"
_SCOPE = "cluster/scope.py"
_OPEN = "cluster/workloads/open.py"
_HAND = "worker/hand.py"
_CHANGES = "worker/changes.py"

_OF_WORKERS = of(
    "worker/test_rules_index.py",
    (
        "test_I1_nothing_is_read_from_the_journal_before_the_first_whole_list",
        "daemon/worker.py",
        "        await cluster.wait_listed()\n",
        "",
    ),
    (
        "test_I1_a_new_list_takes_nothing_out_before_it_is_complete",
        _REFLECT,
        "    began = trio.current_time()\n    listed",
        "    began = trio.current_time()\n    store.retain(scope.resource, scope.namespace, ())\n    listed",
    ),
    (
        "test_I1_no_refusal_takes_anything_from_the_index",
        _REFLECT,
        "            _fail(scope, error)\n",
        (
            "            _fail(scope, error)\n"
            "            if isinstance(error, ClusterDenied):\n"
            "                store.retain(scope.resource, scope.namespace, ())\n"
        ),
    ),
    (
        "test_I1_no_refusal_takes_anything_from_the_index",
        _REFLECT,
        '            state.watch_ends["expired"] += 1\n',
        (
            '            state.watch_ends["expired"] += 1\n'
            "            store.retain(scope.resource, scope.namespace, ())\n"
        ),
    ),
    (
        "test_I2_a_watch_with_neither_change_nor_bookmark_is_cut_and_listed_anew",
        _REFLECT,
        "_SILENCE_SECONDS = 130.0",
        "_SILENCE_SECONDS = float('inf')",
    ),
    ("test_I2_bookmarks_are_no_silence", _REFLECT, "_SILENCE_SECONDS = 130.0", "_SILENCE_SECONDS = 50.0"),
    (
        "test_I3_a_workload_that_the_watch_tells_of_late_is_restarted_too",
        _HAND,
        "(entry.heir or entry.fresh_after <= fresh_at)]",
        "True]",
    ),
    (
        "test_I3_a_workload_that_gains_the_image_late_is_restarted_too",
        _CHANGES,
        "before.uid == after.uid and isinstance(entry.intent.judge(before), Match)",
        "before.uid == after.uid",
    ),
    (
        "test_I3_a_workload_created_after_the_event_needs_no_restart",
        _CHANGES,
        " and not is_after(after.created_at, entry.id):",
        ":",
    ),
    (
        "test_I3_a_change_of_what_matched_before_is_no_late_match",
        _CHANGES,
        "elif not self._was_match(entry, before, after) and",
        "elif",
    ),
    (
        "test_I3_a_workload_that_was_recreated_before_the_event_is_restarted_too",
        _CHANGES,
        "before is not None and before.uid == after.uid and isinstance",
        "before is not None and isinstance",
    ),
    (
        "test_I3_a_workload_that_was_recreated_before_the_event_is_restarted_too",
        "worker/waiting.py",
        "            if isinstance(outcome, Unmatched) and self._seen[key] is not seen:",
        "            if False:",
    ),
    (
        "test_I3_a_dry_run_restarts_no_late_match_either",
        _CHANGES,
        "if entry.dropped or entry.envelope.dry_run:",
        "if entry.dropped:",
    ),
    (
        "test_I3_nothing_is_said_before_the_index_has_heard_of_later",
        _HAND,
        "(entry.heir or entry.fresh_after <= fresh_at)]",
        "True]",
    ),
    (
        "test_I3_nothing_is_said_before_the_index_has_heard_of_later",
        _HAND,
        "(entry.heir or entry.fresh_after <= fresh_at)]",
        "(entry.heir or entry.fresh_after <= trio.current_time())]",
    ),
    (
        "test_I3_nothing_is_said_before_the_index_has_heard_of_later",
        _HAND,
        "FRESH_SECONDS = 2.0",
        "FRESH_SECONDS = 0.0",
    ),
    (
        "test_I3_a_quiet_index_is_told_how_fresh_it_has_to_be_and_only_for_an_event",
        "worker/settle.py",
        "            index.want_fresh(wanted_at)",
        "            pass",
    ),
    (
        "test_I3_lists_bookmarks_and_changes_are_what_keeps_the_index_fresh",
        _REFLECT,
        "    scope.state.heard_at = began\n",
        "",
    ),
    (
        "test_I3_lists_bookmarks_and_changes_are_what_keeps_the_index_fresh",
        _REFLECT,
        "    scope.state.heard_at = began\n",
        "    scope.state.heard_at = trio.current_time()\n",
    ),
    (
        "test_I3_lists_bookmarks_and_changes_are_what_keeps_the_index_fresh",
        _REFLECT,
        "            state.heard_at = trio.current_time()\n",
        "            state.heard_at = trio.current_time() if b'BOOKMARK' in line else state.heard_at\n",
    ),
    (
        "test_I3_lists_bookmarks_and_changes_are_what_keeps_the_index_fresh",
        _REFLECT,
        "            state.heard_at = trio.current_time()\n",
        "            state.heard_at = state.heard_at if b'BOOKMARK' in line else trio.current_time()\n",
    ),
    (
        "test_I4_a_namespace_that_may_not_be_listed_delays_no_other",
        _OPEN,
        "nursery.start_soon(wait_any, scope.state.listed.wait, scope.state.denied.wait)",
        "nursery.start_soon(scope.state.listed.wait)",
    ),
    (
        "test_I4_a_namespace_that_may_not_be_listed_delays_no_other",
        _OPEN,
        "return tuple(scope for scope in self.scopes if not scope.state.is_closed) or self.scopes",
        "return self.scopes",
    ),
    (
        "test_I4_a_namespace_that_may_not_be_listed_delays_no_other",
        _REFLECT,
        "note_denial(denied=isinstance(error, ClusterDenied | NotServed))",
        "note_denial(denied=isinstance(error, ClusterDenied))",
    ),
    (
        "test_I4_a_namespace_that_may_not_be_listed_is_reported",
        _SCOPE,
        "        self.problem = str(error)\n",
        "        self.problem = None\n",
    ),
    (
        "test_I4_a_namespace_that_is_out_of_reach_for_a_moment_is_waited_for",
        _REFLECT,
        "note_denial(denied=isinstance(error, ClusterDenied | NotServed))",
        "note_denial(denied=True)",
    ),
    (
        "test_I4_where_everything_is_denied_nothing_is_taken_for_known",
        _OPEN,
        "        return min(scope.state.heard_at for scope in self._open_scopes())",
        (
            "        return min((scope.state.heard_at for scope in self.scopes if not scope.state.is_closed), "
            "default=trio.current_time())"
        ),
    ),
)

_OF_CONFIRM = of(
    "cluster/test_confirm.py",
    (
        "test_I3_a_server_that_went_back_is_listed_anew_before_anything_counts_as_heard",
        "cluster/confirm.py",
        "            scope.state.check_order(known, str(newest))\n",
        "",
    ),
)

MUTATIONS = (*_OF_WORKERS, *_OF_CONFIRM)
