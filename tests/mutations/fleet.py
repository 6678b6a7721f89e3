"""Documents in CUE and modules: what a value becomes, what the program `cue` gets, and what is shown of a secret."""

from tests.mutations.mutation import of

_INJECT, _ATTRIBUTES, _PROGRAM, _UNIFY, _COMPUTE = (
    "core/fleet/inject.py",
    "core/fleet/attributes.py",
    "delivery/cue_program.py",
    "core/cue/unify.py",
    "core/cue/compute.py",
)

MUTATIONS = (
    *of(
        "core/fleet/test_bundle.py",
        (
            "test_no_other_text_is_a_number_and_none_is_quoted",
            _ATTRIBUTES,
            "_NUMBER.fullmatch(text)",
            "_NUMBER.match(text)",
        ),
    ),
    *of(
        "core/fleet/test_documents.py",
        (
            "test_a_document_with_its_values_is_equal_too",
            _ATTRIBUTES,
            "as_cue(constant)",
            "f'\"{constant}\"'",
        ),
    ),
    *of(
        "core/cue/test_evaluate.py",
        ("test_values", _UNIFY, "each.label if each.is_identifier else quoted(each.label)", "each.label"),
        ("test_what_a_secret_goes_into_is_masked", _COMPUTE, "and value.is_secret", "and False"),
    ),
    *of(
        "cli/test_cue_documents.py",
        (
            "test_a_field_that_krt_does_not_look_into_needs_the_program",
            _INJECT,
            "if each.begin >= end and each.begin not in injection.seen:",
            "if False:",
        ),
    ),
    *of(
        "delivery/test_cue_build.py",
        (
            "test_a_program_that_misbehaves",
            _PROGRAM,
            "env=_environment(folder),",
            "env={**os.environ, **_environment(folder)},",
        ),
        (
            "test_a_cancelled_run_kills_the_program_and_removes_its_files",
            _PROGRAM,
            "await trio.to_thread.run_sync(shutil.rmtree, folder)",
            "pass",
        ),
    ),
    *of(
        "cli/test_cue_modules.py",
        (
            "test_a_secret_in_an_object_is_printed_as_stars_unless_asked_for",
            "core/fleet/masked.py",
            "STARS if any(",
            "value if any(",
        ),
    ),
)
