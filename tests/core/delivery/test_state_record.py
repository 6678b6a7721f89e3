import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.delivery.restart_target import parse_target
from krt.core.delivery.state_record import (
    RecordUnreadable,
    StateNotReady,
    StateRecord,
    begun,
    destroyed,
    ended_badly,
    ended_well,
    kubeconfig_path_of,
    outputs_of,
    read_record,
)
from krt.core.delivery.state_reference import StateReference, parse_instance, parse_reference
from tests.core.delivery.world import publication
from tests.fakes.values import NOW

MODULE = StateReference("platform/k8s/runtime-bundle-secret", "burst_runtime_proof")
GKE = parse_reference("platform/gcp/gke-kubeconfig#gke_burst")
OUTPUTS = outputs_of(publication(b"one"), [parse_target("deploy/a")])


def test_a_run_that_ended_well_publishes_what_the_documents_jq_line_reads() -> None:
    document = json.loads(ended_well(MODULE, OUTPUTS, NOW).to_bytes())
    assert (document["status"], document["outputs"]) == (
        "ok",
        {
            "namespace": "shop",
            "secret_name": "web",
            "bundle_key": "dist.tgz",
            "bundle_sha256": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
            "restarted_targets": ["deployment/a"],
            "cap.k8s.runtime_bundle_secret": "ready",
        },
    )
    assert {"last_error", "failed_command"}.isdisjoint(document)


def test_without_a_restart_the_list_is_there_and_empty() -> None:
    assert outputs_of(publication(), [])["restarted_targets"] == []


def test_a_destroyed_instance_says_so() -> None:
    document = json.loads(destroyed(MODULE, NOW).to_bytes())
    assert (document["status"], document["outputs"]) == ("destroyed", {"cap.k8s.runtime_bundle_secret": "absent"})


def failed(previous: StateRecord | None, *, has_written: bool) -> StateRecord | None:
    said = 'late; password=hunter2, Invalid value: "hunter2"'
    return ended_badly(MODULE, previous, NOW, error=said, command="krt apply", has_written=has_written)


def test_a_failure_keeps_the_outputs_of_before_and_shows_no_secret() -> None:
    """Seen to fail with the error as the API server words it."""
    record = failed(ended_well(MODULE, OUTPUTS, NOW), has_written=True)
    assert record is not None
    assert (record.status, record.outputs, record.failed_command) == ("error", OUTPUTS, "krt apply")
    assert record.last_error.startswith("late")
    assert "hunter2" not in record.to_bytes().decode()


@pytest.mark.parametrize(
    ("previous", "has_written", "stays"),
    [
        (ended_well(MODULE, OUTPUTS, NOW), False, True),
        (ended_well(MODULE, OUTPUTS, NOW), True, False),
        (destroyed(MODULE, NOW), False, True),
        (destroyed(MODULE, NOW), True, False),
        (begun(MODULE, None, NOW, command="apply"), False, False),
        (None, False, False),
    ],
)
def test_a_record_that_is_still_true_stays(previous: StateRecord | None, has_written: bool, stays: bool) -> None:
    assert (failed(previous, has_written=has_written) is None) is stays


def test_a_run_that_begins_to_write_keeps_the_outputs_and_names_its_command() -> None:
    record = begun(MODULE, ended_well(MODULE, OUTPUTS, NOW), NOW, command="apply")
    assert (record.status, record.outputs, record.active_command) == ("running", OUTPUTS, "apply")
    assert failed(record, has_written=True).active_command == ""


def test_outputs_survive_failure_after_failure() -> None:
    first = failed(ended_well(MODULE, OUTPUTS, NOW), has_written=True)
    again = failed(first, has_written=False)
    assert again is not None
    assert again.outputs == OUTPUTS


AGAIN = "Re-apply upstream module 'platform/gcp/gke-kubeconfig#gke_burst' or provide inputs.kubeconfig_path explicitly."
SUBJECT = "kubeconfig_state_ref=platform/gcp/gke-kubeconfig#gke_burst"
NO_PATH = f"{SUBJECT} does not publish required output kubeconfig_path."


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (None, f"{SUBJECT} state is unavailable: no such file. {AGAIN}"),
        (b"", f"{SUBJECT} state is unavailable: the record is not JSON from character 0 on. {AGAIN}"),
        (b"[]", f"{SUBJECT} state is unavailable: the record is not a JSON object. {AGAIN}"),
        (b'{"status": "error"}', f"{SUBJECT} is not ready (status=error). {AGAIN}"),
        (b"{}", f"{SUBJECT} is not ready (status=missing). {AGAIN}"),
        (b'{"status": 7}', f"{SUBJECT} is not ready (status=missing). {AGAIN}"),
        (b'{"status": "destroyed", "outputs": {}}', f"{SUBJECT} is not ready (status=destroyed). {AGAIN}"),
        (b'{"status": "ok"}', NO_PATH),
        (b'{"status": "ok", "outputs": []}', NO_PATH),
        (b'{"status": "ok", "outputs": {"kubeconfig_path": 7}}', NO_PATH),
        (b'{"status": "ok", "outputs": {"kubeconfig_path": " "}}', NO_PATH),
    ],
)
def test_a_state_that_names_no_kubeconfig_is_refused_by_the_sentence_that_people_know(
    record: bytes | None, sentence: str
) -> None:
    with pytest.raises(StateNotReady) as refused:
        kubeconfig_path_of(GKE, record, "no such file")
    assert str(refused.value) == sentence


def test_another_modules_record_names_the_kubeconfig() -> None:
    record = {"status": "OK", "outputs": {"kubeconfig_path": " /k ", "more": [1]}, "run_id": "x", "schema": {"v": 1}}
    assert kubeconfig_path_of(GKE, json.dumps(record).encode()) == "/k"


@pytest.mark.parametrize("data", [b"\xff", b'{"a": 1, "a": 2}', b"[" * 10_000, b" " * (1024 * 1024 + 1)])
def test_what_is_no_record_is_not_read_as_one(data: bytes) -> None:
    with pytest.raises(RecordUnreadable):
        read_record(data)


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.text(), st.text())
def test_a_record_is_read_as_it_was_written(outputs: dict[str, Any], error: str, command: str) -> None:
    record = StateRecord("error", outputs, "m", "i", "t", error, command)
    assert read_record(record.to_bytes()) == record


@pytest.mark.parametrize(
    ("text", "reference", "path"),
    [
        (
            "platform/gcp/gke-kubeconfig#gke_burst_kubeconfig",
            "platform/gcp/gke-kubeconfig#gke_burst_kubeconfig",
            "modules/platform__gcp__gke-kubeconfig/instances/gke_burst_kubeconfig.json",
        ),
        ("platform/k8s/x", "platform/k8s/x", "modules/platform__k8s__x/latest.json"),
        (" platform.k8s.x#One ", "platform/k8s/x#one", "modules/platform__k8s__x/instances/one.json"),
        ("/platform//x/", "platform/x", "modules/platform__x/latest.json"),
    ],
)
def test_a_reference_leads_to_the_file_that_the_module_writes(text: str, reference: str, path: str) -> None:
    parsed = parse_reference(text)
    assert (str(parsed), str(parsed.path)) == (reference, path)


@pytest.mark.parametrize(
    "text", ["", "#x", "Platform/x", "a b", "a#", "a#-x", "a#x/y", f"a#{'x' * 65}", "é", "a" * 300]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not MODULE|must match"):
        parse_reference(text)


@given(st.text(max_size=80))
def test_an_instance_never_leaves_its_folder(text: str) -> None:
    try:
        path = StateReference("m", parse_instance(text)).path
    except ValueError:
        return
    assert path.parent.as_posix() == "modules/m/instances"
    assert path.name not in {".json", ".", ".."}
