"""Mutations of `krt explain`, which must say what the worker would do."""

from tests.mutations.mutation import of

_EXPLAIN = "core/restart/explain.py"
_ADMISSION = "core/caller/admission.py"
_MATCHING = "core/restart/matching.py"

MUTATIONS = (
    *of(
        "core/test_explain.py",
        (
            "test_where_the_workers_policy_admits_no_such_event_nothing_is_restarted",
            _EXPLAIN,
            "    refused = view.refusal(event)",
            "    refused = None",
        ),
    ),
    *of(
        "core/test_admission.py",
        (
            "test_whatever_is_set_must_admit_an_event",
            _ADMISSION,
            "    if images is not None and not admits_image(images, event.repository):",
            "    if policy is None and images is not None and not admits_image(images, event.repository):",
        ),
        (
            "test_whatever_is_set_must_admit_an_event",
            _ADMISSION,
            "    if policy is None or admits(policy, event):",
            "    if policy is None or rules_with(policy, event):",
        ),
    ),
    *of(
        "core/test_matching.py",
        (
            "test_T3_what_is_said_before_is_how_the_rollout_ends",
            _MATCHING,
            "(Warning.PAUSED, workload.paused and not is_empty)",
            "(Warning.PAUSED, workload.paused)",
        ),
        (
            "test_T3_what_is_said_before_is_how_the_rollout_ends",
            _MATCHING,
            "(Warning.ON_DELETE, workload.on_delete and not is_empty)",
            "(Warning.ON_DELETE, False)",
        ),
        (
            "test_T3_what_is_said_before_is_how_the_rollout_ends",
            "core/kube/rollout.py",
            "    return is_known and _RULES[workload.key.kind].desired(workload) == 0",
            "    return workload.replicas == 0",
        ),
    ),
    *of(
        "cli/test_explain.py",
        (
            "test_the_workers_policy_is_asked_as_the_worker_asks_it",
            "cli/explain.py",
            "lookup.require_opt_in, lookup.policy, lookup.images)",
            "lookup.require_opt_in)",
        ),
    ),
    *of(
        "worker/test_explained.py",
        (
            "test_explain_says_what_a_dry_run_reports_and_what_an_event_restarts",
            _EXPLAIN,
            "        return refusal(event, self.policy, self.images) if self.has_policy else None",
            "        return None",
        ),
    ),
    *of(
        "worker/test_follow.py",
        (
            "test_T2_what_is_odd_about_a_match_is_told_however_late_it_comes",
            "worker/record.py",
            "_waiting(workload, match.warnings)",
            "_waiting(workload, ())",
        ),
    ),
)
