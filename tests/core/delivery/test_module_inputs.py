from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from krt.core.delivery.module_inputs import ModuleInputs, read_inputs
from krt.core.delivery.restart_target import RestartTarget
from krt.core.delivery.state_reference import StateReference
from krt.errors import SettingsInvalid

SEED = {
    "kubeconfig_state_ref": "platform/gcp/gke-kubeconfig#gke_burst_kubeconfig",
    "namespace": "academy",
    "secret_name": "academy-website-runtime",
    "bundle_source_path": "/path/to/runtime-bundle.tgz",
    "bundle_key": "dist.tgz",
    "restart_targets": ["deployment/showcase-burst-web"],
    "rollout_timeout_s": 300,
}
LEAST = {"kubeconfig_path": "/k", "namespace": "shop", "secret_name": "web", "bundle_source_path": "~/web.tgz"}


def problems(inputs: object, *, is_destroy: bool = False) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as refused:
        read_inputs(inputs, is_destroy=is_destroy)
    return refused.value.problems


def without(*keys: str) -> dict[str, object]:
    return {key: value for key, value in LEAST.items() if key not in keys}


def test_the_documents_own_inputs_are_read() -> None:
    assert read_inputs(SEED) == ModuleInputs(
        kubeconfig_path="",
        kubeconfig_state=StateReference("platform/gcp/gke-kubeconfig", "gke_burst_kubeconfig"),
        namespace="academy",
        secret_name="academy-website-runtime",
        bundle_source_path="/path/to/runtime-bundle.tgz",
        bundle_key="dist.tgz",
        ensure_namespace=True,
        restart_targets=(RestartTarget("Deployment", "showcase-burst-web"),),
        rollout_timeout_seconds=300,
    )


def test_what_is_left_out_has_the_modules_defaults() -> None:
    read = read_inputs(LEAST)
    assert (read.bundle_key, read.ensure_namespace, read.restart_targets) == ("dist.tgz", True, ())
    assert (read.rollout_timeout_seconds, read.kubeconfig_path, read.kubeconfig_state) == (300, "/k", None)
    nothing = dict.fromkeys(("ensure_namespace", "restart_targets", "rollout_timeout_s", "kubeconfig_state_ref"))
    assert read_inputs({**LEAST, **nothing}) == read


def test_a_kubeconfig_that_is_named_by_its_path_comes_first() -> None:
    """Seen to fail with the reference first: whoever obeys `provide inputs.kubeconfig_path` is refused again."""
    read = read_inputs({**LEAST, "kubeconfig_state_ref": "platform/x#y"})
    assert (read.kubeconfig_path, read.kubeconfig_state) == ("/k", None)


def test_targets_keep_their_order_and_one_that_is_named_twice_counts_once() -> None:
    named = ["sts/db", "deployment/web", "deploy/web", "statefulset/db"]
    assert list(map(str, read_inputs({**LEAST, "restart_targets": named}).restart_targets)) == [
        "statefulset/db",
        "deployment/web",
    ]


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (without("kubeconfig_path"), "inputs.kubeconfig_path or inputs.kubeconfig_state_ref is required"),
        ({**LEAST, "kubeconfig_path": " "}, "inputs.kubeconfig_path must be a non-empty string"),
        (without("namespace"), "inputs.namespace must be a non-empty string"),
        (without("secret_name"), "inputs.secret_name must be a non-empty string"),
        (without("bundle_source_path"), "inputs.bundle_source_path must be a non-empty string"),
        ({**LEAST, "namespace": 7}, "inputs.namespace must be a non-empty string"),
        ({**LEAST, "bundle_key": None}, "inputs.bundle_key must be a non-empty string"),
        ({**LEAST, "kubectl_bin": ""}, "inputs.kubectl_bin must be a non-empty string"),
        (
            {**LEAST, "namespace": "<namespace>"},
            "inputs.namespace must not contain placeholder values (found '<namespace>')",
        ),
        (
            {**LEAST, "bundle_source_path": "/path/<to>/x"},
            "inputs.bundle_source_path must not contain placeholder values (found '/path/<to>/x')",
        ),
        (
            {**LEAST, "secret_name": "CHANGE_ME"},
            "inputs.secret_name must not contain placeholder values (found 'CHANGE_ME')",
        ),
        (
            {**LEAST, "restart_targets": ["deployment/<name>"]},
            "inputs.restart_targets[1] must not contain placeholder values (found 'deployment/<name>')",
        ),
        ({**LEAST, "ensure_namespace": "yes"}, "inputs.ensure_namespace must be a boolean"),
        ({**LEAST, "rollout_timeout_s": 0}, "inputs.rollout_timeout_s must be >= 1 when set"),
        ({**LEAST, "rollout_timeout_s": "300"}, "inputs.rollout_timeout_s must be an integer"),
        ({**LEAST, "rollout_timeout_s": True}, "inputs.rollout_timeout_s must be an integer"),
        ({**LEAST, "rollout_timeout_s": 86401}, "inputs.rollout_timeout_s must be <= 86400"),
        ({**LEAST, "restart_targets": "deploy/x"}, "inputs.restart_targets must be a list of at most 100 KIND/NAME"),
        (
            {**LEAST, "restart_targets": ["deployment/x"] * 101},
            "inputs.restart_targets must be a list of at most 100 KIND/NAME",
        ),
        ({**LEAST, "restart_targets": [None]}, "inputs.restart_targets[1] must be a non-empty string"),
        (
            {**LEAST, "restart_targets": ["deploy/a", "job/x"]},
            (
                "inputs.restart_targets[2] must be KIND/NAME with the kind deployment, statefulset or daemonset "
                "(found 'job/x')"
            ),
        ),
        (
            {**LEAST, "namespace": "Shop"},
            "inputs.namespace must be a name of at most 63 small letters, digits and dashes (found 'Shop')",
        ),
        (
            {**LEAST, "secret_name": "a_b"},
            "inputs.secret_name must be a name of at most 253 small letters, digits, dashes and dots (found 'a_b')",
        ),
        (
            {**LEAST, "bundle_key": ".."},
            (
                "inputs.bundle_key must be a name of at most 253 letters, digits, dashes, underscores and dots "
                "(found '..')"
            ),
        ),
        (
            {**LEAST, "bundle_source_path": "/a\nb"},
            "inputs.bundle_source_path must be one line of at most 4096 characters",
        ),
        (
            {**without("kubeconfig_path"), "kubeconfig_state_ref": "Not A Module"},
            "inputs.kubeconfig_state_ref is invalid: 'Not A Module' (is not MODULE or MODULE#INSTANCE)",
        ),
        (
            {**without("kubeconfig_path"), "kubeconfig_state_ref": "platform/x#../y"},
            (
                "inputs.kubeconfig_state_ref is invalid: 'platform/x#../y' "
                "(state_instance must match ^[a-z0-9][a-z0-9_.-]{0,63}$)"
            ),
        ),
        ({**LEAST, "restart_target": []}, "inputs.restart_target is unknown: did you mean restart_targets?"),
        ({**LEAST, "bundle_url": "x"}, "inputs.bundle_url is unknown: "),
        ({**LEAST, 7: "x"}, "inputs.7 is unknown: krt knows kubeconfig_path, kubeconfig_state_ref, namespace, "),
    ],
)
def test_each_wrong_input_is_one_sentence(inputs: dict[Any, Any], said: str) -> None:
    (problem,) = problems(inputs)
    assert problem.startswith(said)
    assert problem == said or "is unknown" in said


def test_all_problems_are_said_at_once() -> None:
    assert problems({"namespce": "x", "rollout_timeout_s": 0, "ensure_namespace": 1}) == (
        "inputs.namespce is unknown: did you mean namespace?",
        "inputs.kubeconfig_path or inputs.kubeconfig_state_ref is required",
        "inputs.namespace must be a non-empty string",
        "inputs.secret_name must be a non-empty string",
        "inputs.bundle_source_path must be a non-empty string",
        "inputs.ensure_namespace must be a boolean",
        "inputs.rollout_timeout_s must be >= 1 when set",
    )


def test_to_destroy_needs_no_bundle() -> None:
    """H27."""
    assert read_inputs(without("bundle_source_path"), is_destroy=True).bundle_source_path == ""
    assert problems({**LEAST, "bundle_source_path": 7}, is_destroy=True) == (
        "inputs.bundle_source_path must be a non-empty string",
    )


@pytest.mark.parametrize("inputs", [None, [], "namespace: shop", 7])
def test_what_is_no_mapping_is_refused(inputs: object) -> None:
    assert problems(inputs) == ("the inputs must be a mapping of names to values",)


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
KEYS = st.sampled_from([*SEED, "kubeconfig_path", "ensure_namespace", "kubectl_bin"]) | st.text() | st.integers()


@example({"\x1f" + "\u0100" * 99: None, "\U0001f600" * 100: "\x1f" * 100}, False)
@example({"namespace": "<" + "\U000e0001" * 100 + ">"}, False)
@given(st.dictionaries(KEYS, VALUES, max_size=12), st.booleans())
def test_whatever_is_written_it_is_read_or_refused_by_short_lines(inputs: dict[Any, Any], destroy: bool) -> None:
    try:
        read = read_inputs({**LEAST, **inputs}, is_destroy=destroy)
    except SettingsInvalid as refused:
        assert_short(refused.problems)
    else:
        assert read.namespace
        assert bool(read.kubeconfig_path) is not bool(read.kubeconfig_state)


def assert_short(found: tuple[str, ...]) -> None:
    assert found
    assert all(problem.isprintable() and len(problem) < 600 for problem in found)
