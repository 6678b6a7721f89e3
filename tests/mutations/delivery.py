"""krt.core.delivery and the status of objects: what is applied, pruned, published and restarted."""

from tests.mutations.mutation import of

_SECRET, _PENDING = "core/delivery/secret_bundle.py", "core/delivery/pending_restarts.py"
_OWED, _RESTART = "core/delivery/owed_restarts.py", "core/delivery/bundle_restart.py"
_PRUNING = "core/delivery/pruning.py"
_STAGES, _REPLICAS = "core/delivery/stages.py", "core/delivery/replicas.py"
_KILLED = "test_wherever_two_runs_are_killed_the_third_owes_each_target_one_restart"

MUTATIONS = (
    *of(
        "core/test_kstatus.py",
        (
            "test_ready_that_was_said_of_an_older_generation_does_not_count",
            "core/kube/kstatus.py",
            "if is_old else CURRENT",
            "if False else CURRENT",
        ),
        (
            "test_a_reason_shows_no_secret",
            "core/kube/object_status.py",
            "ObjectStatus(ObjectState.FAILED, readable(*reason))",
            'ObjectStatus(ObjectState.FAILED, "; ".join(reason))',
        ),
    ),
    *of(
        "delivery/test_waiting.py",
        (
            "test_after_a_failure_no_version_counts",
            "delivery/waiting.py",
            "        if self.failed.is_set():\n            return\n        status",
            "        status",
        ),
    ),
    *of(
        "core/delivery/test_replicas.py",
        (
            "test_the_number_is_scaled_if_the_subresource_has_written_it",
            _REPLICAS,
            'text_at(entry, "subresource") == "scale" and _has_replicas(entry)',
            "_has_replicas(entry)",
        ),
        (
            "test_krt_gives_up_its_own_claim_alone_in_one_guarded_patch",
            _REPLICAS,
            "if _is_own(entry, owner) and _has_replicas(entry) else",
            "if _has_replicas(entry) else",
        ),
    ),
    *of(
        "delivery/test_at_once.py",
        (
            "test_at_most_eight_at_a_time_and_no_item_twice",
            "delivery/at_once.py",
            "for _ in range(most):",
            "for _ in range(most + 1):",
        ),
        (
            "test_after_a_failure_no_further_item_is_begun_and_begun_ones_end",
            "delivery/at_once.py",
            "        if not await work(item):",
            "        if await work(item) is None:",
        ),
        (
            "test_a_busy_server_is_asked_when_it_said_so",
            "delivery/asking.py",
            "            await trio.sleep(error.retry_after_seconds)",
            "            await trio.sleep(0)",
        ),
        (
            "test_documents_come_five_times_a_second_at_most_and_the_last_has_everything",
            "delivery/progress.py",
            "            await trio.sleep(_PAUSE_SECONDS)",
            "            await trio.sleep(0)",
        ),
    ),
    *of(
        "core/test_manifest.py",
        (
            "test_the_body_is_not_shown",
            "core/kube/manifest.py",
            "body: Mapping[str, object] = field(repr=False)",
            "body: Mapping[str, object]",
        ),
    ),
    *of(
        "core/delivery/test_stages.py",
        (
            "test_what_others_need_is_applied_before_them",
            _STAGES,
            "return _OWN if key.group in late else _REST",
            "return _OWN",
        ),
        (
            "test_webhooks_go_first_then_custom_resources_then_the_reverse_of_applying",
            _STAGES,
            "    return -_OWN - 1 if is_custom(key) else -_STAGES",
            "    return -_STAGES",
        ),
    ),
    *of(
        "core/delivery/test_inventory.py",
        (
            "test_a_long_one_is_packed_and_of_equal_ones_the_bytes_are_equal",
            "core/delivery/inventory.py",
            "gzip.compress(text, mtime=0)",
            "gzip.compress(text, mtime=None)",
        ),
        (
            "test_that_krt_made_an_object_stays_true_as_long_as_it_is_the_same_one",
            "core/delivery/inventory.py",
            "created=old.created or new.created",
            "created=new.created",
        ),
    ),
    *of(
        "core/delivery/test_secret_bundle.py",
        (
            "test_without_targets_no_list_is_written_but_one_that_is_there_is_emptied",
            _SECRET,
            'bool(pending.targets) or bool(text_at(live, "metadata", "annotations", RESTART_PENDING))',
            "bool(pending.targets)",
        ),
        (
            "test_neither_bundle_nor_decision_shows_a_byte",
            _SECRET,
            "content: bytes = field(repr=False)",
            "content: bytes",
        ),
        (
            "test_more_targets_than_a_list_can_hold_are_refused",
            _SECRET,
            "    if len(publication.targets) > MOST_TARGETS:",
            "    if False:",
        ),
        (
            "test_a_target_is_taken_off_the_list_of_that_very_version",
            _PENDING,
            "str(Pending(pending.digest, pending.change, rest)) if rest else None",
            "str(Pending(pending.digest, pending.change, rest))",
        ),
    ),
    *of(
        "core/delivery/test_owed_restarts.py",
        (_KILLED, _SECRET, "pending if is_listed else None", "None if is_listed else None"),
        (_KILLED, _OWED, "is_made = workload is not None and is_restarted", "is_made = False and is_restarted"),
        (
            "test_a_bundle_that_follows_a_killed_run_is_restarted_for_once_also_when_it_is_an_old_one",
            _SECRET,
            "Pending(publication.bundle.digest, change, with_owed(publication, live).targets)",
            "Pending(publication.bundle.digest, publication.bundle.digest, with_owed(publication, live).targets)",
        ),
        (
            "test_two_first_runs_in_every_order_of_their_steps_restart_each_target_once",
            _SECRET,
            'text_at(live, "metadata", "resourceVersion") or _OF_NO_OBJECT',
            'text_at(live, "metadata", "resourceVersion")',
        ),
        (
            "test_a_run_restarts_also_what_the_run_before_named_and_still_owes",
            _SECRET,
            "tuple(dict.fromkeys((*publication.targets, *owed)))",
            "tuple(dict.fromkeys((*publication.targets,)))",
        ),
        (
            "test_equal_bytes_restart_nothing_and_write_nothing",
            _SECRET,
            "    if live is not None and _holds(live, publication.bundle):",
            "    if False:",
        ),
        (
            "test_data_edited_by_hand_are_put_right_and_restarted_for",
            _SECRET,
            "return has_digest and _has_data(live, bundle) and",
            "return has_digest and",
        ),
        (
            "test_a_rollout_that_gets_stuck_fails_the_run_and_the_next_one_restarts_it",
            _OWED,
            "(sight.stage is not None and not isinstance(sight.stage, Stuck))",
            "sight.stage is not None",
        ),
        (
            "test_a_restart_that_somebody_takes_back_fails_the_run_and_the_next_one_makes_it_again",
            _RESTART,
            "return found == change and is_in_force(made_at, workload, now)",
            "return found == change",
        ),
        (
            "test_two_runs_of_one_bundle_in_every_order_of_their_steps_restart_each_target_once",
            _RESTART,
            '"metadata": {"resourceVersion": workload.resource_version, "annotations": annotations},',
            '"metadata": {"annotations": annotations},',
        ),
    ),
    *of(
        "core/delivery/test_module_inputs.py",
        (
            "test_a_kubeconfig_that_is_named_by_its_path_comes_first",
            "core/delivery/module_inputs.py",
            "    if path or not reference:",
            "    if not reference:",
        ),
    ),
    *of(
        "core/delivery/test_state_record.py",
        (
            "test_a_failure_keeps_the_outputs_of_before_and_shows_no_secret",
            "core/delivery/state_record.py",
            "said, tried = readable(error), command",
            "said, tried = error, command",
        ),
    ),
    *of(
        "core/delivery/test_pruning.py",
        (
            "test_nothing_is_deleted_that_has_another_uid_or_another_owner",
            _PRUNING,
            '    if entry.uid and text_at(live, "metadata", "uid") != entry.uid:',
            "    if False:",
        ),
        (
            "test_nothing_is_deleted_that_has_another_uid_or_another_owner",
            _PRUNING,
            "    if not is_owned(live, owner):",
            "    if False:",
        ),
        (
            "test_some_namespaces_are_never_deleted",
            _PRUNING,
            ' or name.startswith("kube-") or name == own_namespace',
            "",
        ),
        (
            "test_what_holds_objects_of_others_goes_only_with_its_owner_and_by_an_explicit_word",
            _PRUNING,
            "if is_container and not entry.created else",
            "if False else",
        ),
    ),
    *of(
        "core/delivery/test_ownership.py",
        (
            "test_an_object_of_another_living_owner_is_a_conflict",
            "core/delivery/ownership.py",
            '    if found in {"", owner.id} or not is_living(found):',
            "    if is_living(found) or not is_living(found):",
        ),
    ),
    *of(
        "core/delivery/test_takeover.py",
        (
            "test_fields_of_both_are_one_entry",
            "core/delivery/takeover.py",
            '_union(field_at(own, "fieldsV1"), field_at(entry, "fieldsV1"))',
            'field_at(entry, "fieldsV1")',
        ),
        (
            "test_the_last_applied_configuration_goes_with_the_takeover",
            "core/delivery/takeover.py",
            '    if LAST_APPLIED in texts_at(live, "metadata", "annotations"):',
            "    if False:",
        ),
    ),
    *of(
        "delivery/test_sight.py",
        (
            "test_a_watch_that_lags_behind_an_own_write_changes_nothing",
            "delivery/sight.py",
            "        if not _is_older(body, self.body):",
            "        if True:",
        ),
        (
            "test_a_deletion_during_a_write_is_not_undone_by_its_answer",
            "delivery/sight.py",
            "        if removals == self.removals:",
            "        if True:",
        ),
    ),
    *of(
        "delivery/test_state_file.py",
        (
            "test_only_one_run_holds_it",
            "delivery/state_file.py",
            "fcntl.LOCK_EX | fcntl.LOCK_NB",
            "fcntl.LOCK_SH | fcntl.LOCK_NB",
        ),
        (
            "test_a_write_that_fails_leaves_the_old_record_and_nothing_else",
            "delivery/state_file.py",
            "                Path(temporary).unlink(missing_ok=True)\n                raise",
            "                raise",
        ),
    ),
    *of(
        "delivery/test_asking.py",
        (
            "test_a_server_that_is_busy_is_asked_when_it_wants_and_not_if_that_is_too_late",
            "delivery/asking.py",
            "trio.current_time() + error.retry_after_seconds - began",
            "trio.current_time() - began",
        ),
    ),
)
