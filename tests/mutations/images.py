"""Mutations of the comparison of image names."""

from tests.mutations.mutation import of

_IMAGE = "core/announce/image.py"
_SPELLED = "test_what_a_workload_runs_is_compared_however_it_is_spelled"
_ONE = "test_events_and_policies_name_a_registry_in_one_spelling"

MUTATIONS = of(
    "core/test_image.py",
    (_SPELLED, _IMAGE, "name, port = found[1].lower(), found[2]", "name, port = found[1], found[2]"),
    (_SPELLED, _IMAGE, "{port.lstrip('0') or '0'}", "{port}"),
    (_SPELLED, _IMAGE, 'name = f"[{_compressed(name[1:-1])}]"', "pass"),
    (_SPELLED, _IMAGE, "return _joined(_canonical(first), _path(rest))", "return complete(name)"),
    (
        _ONE,
        _IMAGE,
        "if (canonical := _canonical(text)) != text and text != _DOCKER_HUB_OF_OLD:",
        "if not (canonical := _canonical(text)):",
    ),
    (_ONE, _IMAGE, "    if text != text.lower():", "    if False:"),
)
