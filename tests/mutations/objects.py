"""krt.cluster.objects: what leads to an object, what a refusal is, and what no error repeats."""

from tests.mutations.mutation import of

_RESOURCE, _MASKING, _REFUSAL, _OBJECTS = (
    "core/kube/resource.py",
    "cluster/masking.py",
    "cluster/refusal.py",
    "cluster/objects.py",
)

MUTATIONS = (
    *of(
        "core/test_resource.py",
        (
            "test_a_name_that_would_lead_elsewhere_has_no_path",
            _RESOURCE,
            'name in {"", ".", ".."} or "/" in name',
            '"/" in name',
        ),
        ("test_a_name_is_one_segment_of_the_path", _RESOURCE, 'return quote(name, safe="")', "return name"),
    ),
    *of(
        "cluster/test_masking.py",
        (
            "test_a_value_is_taken_out_in_every_spelling",
            "core/secret_forms.py",
            "for text in (secret, unpacked(secret), ",
            "for text in (secret, ",
        ),
        (
            "test_a_value_is_taken_out_in_every_spelling",
            "core/secret_forms.py",
            "for line in text.splitlines():",
            "for line in ():",
        ),
        ("test_a_long_account_is_left_out_whole", _MASKING, "if len(text) > _MOST_WORDS:", "if False:"),
        (
            "test_the_servers_own_words_stay_but_for_what_it_repeats",
            _MASKING,
            "text = _REPEATED.sub(",
            "_REPEATED.sub(",
        ),
    ),
    *of(
        "cluster/test_refusal.py",
        (
            "test_an_apply_that_is_not_of_its_kind_is_invalid_though_its_code_says_otherwise",
            _REFUSAL,
            "code == 500 and message.startswith(_NO_SCHEMA)",
            "False",
        ),
        (
            "test_a_kind_that_is_not_served_is_told_from_an_object_that_is_not_there",
            _REFUSAL,
            "NotServed(problem) if _is_of_no_object(status) else NotThere(problem)",
            "NotThere(problem)",
        ),
        (
            "test_the_servers_pause_stands_in_its_account_too",
            _REFUSAL,
            "status.details.retry_after_seconds if status.details else 0",
            "0",
        ),
    ),
    *of(
        "contract/test_objects.py",
        (
            "test_a_dry_run_says_what_would_be_and_changes_nothing",
            _OBJECTS,
            '    options |= {"dryRun": ["All"]} if dry_run else {}',
            "    pass",
        ),
        (
            "test_an_object_that_was_made_anew_is_not_deleted",
            _OBJECTS,
            '"preconditions": {"uid": uid}, ',
            "",
        ),
    ),
    *of(
        "contract/test_secrets_in_errors.py",
        (
            "test_what_the_api_server_says_of_a_faulty_secret_repeats_no_value",
            _OBJECTS,
            "Mask(content).status if resource == SECRET else as_sent",
            "as_sent",
        ),
    ),
    *of(
        "contract/test_discovery.py",
        (
            "test_many_who_want_to_know_at_once_ask_once",
            "cluster/discovery.py",
            "if self._asked.get(group, 0) <= asks:",
            "if True:",
        ),
    ),
    *of(
        "contract/test_metadata.py",
        (
            "test_metadata_come_without_the_data",
            "cluster/metadata.py",
            "partial(_to_metadata, resource), METADATA_ALONE)",
            "partial(_to_metadata, resource))",
        ),
        (
            "test_a_name_with_a_comma_selects_no_more_than_itself",
            "cluster/selection.py",
            "metadata.name={_escaped(self.name)}",
            "metadata.name={self.name}",
        ),
    ),
)
