"""Mutations of how an event reaches a BundleDeployment."""

from tests.mutations.mutation import of

_ANNOUNCED = "core/rukpak/announced.py"

_OF_STATUS = of(
    "core/rukpak/test_announced.py",
    (
        "test_an_announcement_covers_its_event_as_long_as_it_stands_there",
        _ANNOUNCED,
        "    return parts[2] if len(parts) == 3 and parts[1] == own.announced else None",
        "    return parts[2] if len(parts) == 3 else None",
    ),
    (
        "test_until_it_is_handled_it_is_progressing",
        _ANNOUNCED,
        "    is_handled = status.handled == own.announced if own.announced else is_current",
        "    is_handled = True",
    ),
    (
        "test_while_it_waits_a_current_condition_that_does_not_hold_is_the_reason",
        _ANNOUNCED,
        "None if is_handled else generation)",
        "None)",
    ),
    (
        "test_handled_otherwise_is_failed_with_the_message_of_the_first_condition",
        _ANNOUNCED,
        "(conditions[name] for name in _IN_ORDER if name in conditions)",
        "(each for each in conditions.values())",
    ),
    (
        "test_a_bad_bundle_is_failed_although_the_one_before_stays_installed_and_healthy",
        _ANNOUNCED,
        "        is_ready=is_good and not problem,",
        "        is_ready=is_good,",
    ),
    (
        "test_one_of_a_foreign_class_is_left_alone",
        _ANNOUNCED,
        "        is_foreign=item.spec.provisioner_class_name not in CLASSES,\n",
        "",
    ),
)
_OF_WORKER = of(
    "worker/test_announced.py",
    (
        "test_R2_the_announced_id_is_that_of_the_newest_event_that_the_mark_covers",
        "worker/restart.py",
        "case.intent.cause, mark.covers)",
        "case.intent.cause, case.intent.id)",
    ),
    (
        "test_R1_an_announcement_that_was_taken_away_is_made_again",
        "worker/changes.py",
        "        if _is_undone(entry, after, self._now()):",
        "        if False:",
    ),
)
_OF_EXPLAIN = of(
    "core/test_explain.py",
    (
        "test_an_object_without_a_namespace_is_outside_of_no_namespaces",
        "core/restart/explain.py",
        "    if workload.key.namespace and view.namespaces and",
        "    if view.namespaces and",
    ),
)
_OF_VALKEY = of(
    "broker/test_rollouts.py",
    (
        "test_T3_an_object_without_a_namespace_is_followed_and_told",
        "broker/report_scripts.py",
        "'^[^/]+/[^/]*/[^/]+/[^/]+$'",
        "'^[^/]+/[^/]+/[^/]+/[^/]+$'",
    ),
)

MUTATIONS = (*_OF_STATUS, *_OF_WORKER, *_OF_EXPLAIN, *_OF_VALKEY)
