"""Mutations of the decisions about App secrets."""

from tests.mutations.mutation import of

_DECIDE = "core/app_secrets/decide.py"
_JUDGE = "core/app_secrets/judge.py"
_WEAR = "core/app_secrets/wear.py"
_TAKEN_BACK = "test_an_attachment_that_is_taken_back_again_and_again_is_left_after_three"
_RELEASES = "test_releases_that_drop_the_attachment_get_it_back_however_many"

_OF_DECIDE = of(
    "core/app_secrets/test_decide.py",
    (
        "test_another_key_of_the_digest_writes_nothing",
        _DECIDE,
        "    if own.content != source.digest and not is_edited:",
        "    if own.effect.digest != source.digest:",
    ),
    (
        "test_an_edited_copy_gets_the_values_back_and_nothing_restarts",
        _DECIDE,
        "    if cause is DeliveryCause.RESTORED and own is not None:",
        "    if False:",
    ),
    (
        "test_a_redelivery_is_answered_once_and_restarts_nothing_by_itself",
        _DECIDE,
        'token = source.token or (own.token if own else "")',
        "token = source.token",
    ),
    (
        "test_the_copies_of_another_environment_stay_until_they_may_move",
        _JUDGE,
        ' and source.token not in {"", copy.token}',
        "",
    ),
    (
        "test_an_ignored_deployment_does_not_hold_a_move_up",
        _JUDGE,
        "each.deployment is not None and each.deployment.mode is None",
        "True",
    ),
    (
        "test_a_deployment_that_was_made_anew_takes_the_copy_over",
        _JUDGE,
        "return self.copy if self.copy.owner_uid == self.deployment.uid else None",
        "return self.copy",
    ),
    (
        "test_an_ignored_deployment_keeps_what_it_has",
        "core/app_secrets/deployment.py",
        "return self.mode is not None and self.mode != DETACH",
        "return self.mode == IGNORE",
    ),
    (_TAKEN_BACK, _WEAR, "return stamps.count >= MOST_STAMPS and _counts(stamps, rest, now)", "return False"),
    (_RELEASES, _WEAR, "stamps.template == rest and ", ""),
    (_RELEASES, _WEAR, " and abs(now - at) < _WITHIN", ""),
)
_OF_ATTACH = of(
    "core/app_secrets/test_attach.py",
    (
        "test_the_stamp_is_written_under_auto_and_left_alone_under_manual",
        "core/app_secrets/attach.py",
        "stamp = effect.stamp or text_at(body, *_ANNOTATIONS, entries.stamp)",
        "stamp = effect.stamp",
    ),
    (
        "test_what_is_in_the_way_is_named_and_never_removed",
        "core/app_secrets/attach.py",
        "        if is_volume or has_volume(body, entries):",
        "        if True:",
    ),
    (
        "test_what_is_attached_stays_and_is_detached_without_a_trace",
        "core/app_secrets/json_patch.py",
        "    if gone and len(gone) == len(found) and missing is None:",
        "    if False:",
    ),
)
_OF_DOCUMENTS = of(
    "core/app_secrets/test_documents.py",
    (
        "test_where_a_key_ends_counts",
        "core/app_secrets/digest.py",
        "            found.update(len(part).to_bytes(8))",
        "            pass",
    ),
    (
        "test_a_copy_is_no_source_and_a_source_no_copy",
        "core/app_secrets/secrets.py",
        "if SOURCE_OF not in labels or COPY_OF in labels:",
        "if SOURCE_OF not in labels:",
    ),
)

MUTATIONS = (*_OF_DECIDE, *_OF_ATTACH, *_OF_DOCUMENTS)
