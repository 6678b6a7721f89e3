"""Mutations of the controller: its loops, its store, and the meaning of its documents."""

from tests.mutations.mutation import of

_LOOPS, _FIGHTS, _DOCUMENTS = "controller/loops.py", "controller/fights.py", "controller/documents.py"
_CORE = "core/rukpak"

_OF_LOOPS = of(
    "controller/test_loops.py",
    (
        "test_the_pause_that_a_server_asks_for_is_kept",
        _LOOPS,
        "    return max(longest, asked) * random",
        "    return longest * random",
    ),
    ("test_news_cancels_a_run_and_ends_a_pause", _LOOPS, "        task.scope.cancel()\n", ""),
    (
        "test_changes_during_a_run_cause_one_more",
        _LOOPS,
        "        if task.is_settled and task.is_stirred:\n            task.changed.set()\n",
        "",
    ),
    ("test_four_run_at_a_time_and_those_that_only_wait_do_not_count", _LOOPS, "        self._limiter.release()\n", ""),
)
_OF_FIGHTS = of(
    "controller/test_fights.py",
    (
        "test_an_object_that_is_changed_again_and_again_waits_up_to_five_minutes",
        _FIGHTS,
        "min(2.0 ** (count - FEW), _MOST_SECONDS)",
        "2.0 ** (count - FEW)",
    ),
    ("test_ten_quiet_minutes_end_a_fight", _FIGHTS, "        self._forget(trio.current_time())\n", ""),
)
_OF_DOCUMENTS = of(
    "controller/test_documents.py",
    ("test_an_older_version_replaces_no_newer_one", _DOCUMENTS, "and not _is_newer(found, known)", "and False"),
    (
        "test_an_object_that_was_made_anew_is_another_one_whatever_its_version",
        _DOCUMENTS,
        "and known.uid == found.uid and",
        "and",
    ),
    (
        "test_a_write_that_is_answered_after_the_deletion_brings_nothing_back",
        _DOCUMENTS,
        "if is_new or name in self._found else found",
        "if name else found",
    ),
)
_OF_MEANING = of(
    "core/rukpak/test_documents.py",
    (
        "test_a_condition_keeps_the_time_of_its_transition_while_its_status_stays",
        "core/kube/stated_conditions.py",
        ' if is_same else ""',
        "",
    ),
    (
        "test_the_source_is_asked_again_for_a_new_announcement_or_a_new_wish",
        f"{_CORE}/bundle_deployment.py",
        'return bool(self.unpack) and self.unpack != text_at(self.status, "unpacked")',
        "return bool(self.unpack)",
    ),
)
_OF_LEASE = of(
    "controller/test_lease.py",
    (
        "test_a_leader_that_cannot_renew_stops_before_another_begins",
        "controller/lease.py",
        "trio.current_time() - self._changed_at >= self._seconds",
        "True",
    ),
    (
        "test_an_orderly_stop_lets_the_other_begin_at_once",
        "controller/lease.py",
        '"spec": {"holderIdentity": ""}',
        '"spec": {}',
    ),
)
_OF_PIVOTS = of(
    "controller/test_pivot.py",
    (
        "test_a_moved_tag_and_a_new_controller_are_no_pivot",
        "controller/deployments.py",
        "        return bundle.pinned or of_active\n",
        '        return ""\n',
    ),
)
_OF_DRIFT = of(
    "controller/test_drift.py",
    (
        "test_an_object_that_is_deleted_is_back_within_two_seconds",
        "controller/settled.py",
        "(drifted := self.drift.drifted(name))",
        "(drifted := ())",
    ),
)
MUTATIONS = (*_OF_LOOPS, *_OF_FIGHTS, *_OF_DOCUMENTS, *_OF_MEANING, *_OF_LEASE, *_OF_PIVOTS, *_OF_DRIFT)
