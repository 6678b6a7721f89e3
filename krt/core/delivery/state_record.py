"""The record of a HybridOps module's instance: a JSON document with the end of the last run and its outputs. Pure.

The record is not secret: it has neither the bundle's bytes nor the content of a kubeconfig, and of an error only the
sentence without secrets. A run that fails keeps the outputs of the run before it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from krt.core import strict_json
from krt.core.delivery.restart_target import RestartTarget
from krt.core.delivery.secret_bundle import Publication
from krt.core.delivery.state_reference import StateReference
from krt.core.reason import readable
from krt.core.restart.times import format_time

OK, ERROR, DESTROYED, RUNNING = "ok", "error", "destroyed", "running"
CAPABILITY, READY, ABSENT = "cap.k8s.runtime_bundle_secret", "ready", "absent"
MOST_BYTES = 1024 * 1024  # of a record, also of another module's, which may have more outputs
_MOST_COMMAND = 1000


class RecordUnreadable(ValueError):
    """The bytes are not a record. The message is a clause that quotes nothing of them."""


class StateNotReady(ValueError):
    """The state that should name the kubeconfig does not name one. The message is a whole sentence."""


class StateRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The document. `last_error` and `failed_command` are "" unless the last run failed.

    `active_command` is "" unless a run has begun to write and has not ended: it is under way, or was killed.
    """

    status: str
    outputs: Mapping[str, object] = msgspec.field(default_factory=dict)
    module_ref: str = ""
    state_instance: str = ""
    updated_at: str = ""
    last_error: str = ""
    failed_command: str = ""
    active_command: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether the outputs are true of the cluster."""
        return self.status in {OK, DESTROYED}

    def to_bytes(self) -> bytes:
        """The content of the record's file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def outputs_of(publication: Publication, restarted: Sequence[RestartTarget]) -> dict[str, object]:
    """The outputs of a run that ended well; `restarted` has the targets whose rollout has ended well."""
    return {
        "namespace": publication.namespace,
        "secret_name": publication.secret,
        "bundle_key": publication.bundle.key,
        "bundle_sha256": publication.bundle.sha256,
        "restarted_targets": [str(target) for target in restarted],
        CAPABILITY: READY,
    }


def begun(reference: StateReference, previous: StateRecord | None, now: datetime, *, command: str) -> StateRecord:
    """The record of a run that is about to write, with the outputs of the `previous` one.

    If the run is killed, this record stays: the outputs may no longer be true.
    """
    outputs, tried = previous.outputs if previous else {}, command[:_MOST_COMMAND]
    return StateRecord(RUNNING, outputs, reference.module, reference.instance, format_time(now), active_command=tried)


def ended_well(reference: StateReference, outputs: Mapping[str, object], now: datetime) -> StateRecord:
    """The record of a run that ended well."""
    return StateRecord(OK, outputs, reference.module, reference.instance, format_time(now))


def destroyed(reference: StateReference, now: datetime) -> StateRecord:
    """The record of an instance whose Secret is gone."""
    return StateRecord(DESTROYED, {CAPABILITY: ABSENT}, reference.module, reference.instance, format_time(now))


def ended_badly(
    reference: StateReference,
    previous: StateRecord | None,
    now: datetime,
    *,
    error: str,
    command: str,
    has_written: bool,
) -> StateRecord | None:
    """The record of a run that failed, with the outputs of the `previous` one; None if that one stays as it is.

    A usable record stays if the run has written nothing to the cluster: it is still true. `command` is the command that
    failed, for people.
    """
    if previous and previous.is_usable and not has_written:
        return None
    outputs = previous.outputs if previous else {}
    said, tried = readable(error), command[:_MOST_COMMAND]
    return StateRecord(ERROR, outputs, reference.module, reference.instance, format_time(now), said, tried)


def read_record(data: bytes) -> StateRecord:
    """The record of any module. Fields that krt does not know are ignored. Raises RecordUnreadable."""
    try:
        document = strict_json.loads(data, max_bytes=MOST_BYTES)
    except strict_json.StrictJsonError as error:
        raise RecordUnreadable(f"the record is {error.problem}") from None
    if not isinstance(document, dict):
        raise RecordUnreadable("the record is not a JSON object")
    texts = {name: document[name] for name in _TEXTS if isinstance(document.get(name), str)}
    outputs = document.get("outputs")
    return StateRecord(**{"status": "", **texts}, outputs=outputs if isinstance(outputs, dict) else {})


def kubeconfig_path_of(reference: StateReference, record: bytes | None, problem: str = "") -> str:
    """The kubeconfig's path in the outputs of another module's record. Raises StateNotReady.

    `record` is the content of the record's file; None if the file could not be read, for the reason `problem`.
    """
    again = f"Re-apply upstream module '{reference}' or provide inputs.kubeconfig_path explicitly."
    subject = f"kubeconfig_state_ref={reference}"
    try:
        state = read_record(record) if record is not None else None
    except RecordUnreadable as error:
        state, problem = None, str(error)
    if state is None:
        raise StateNotReady(f"{subject} state is unavailable: {problem}. {again}")
    status = readable(state.status.strip().lower())
    if status != OK:
        raise StateNotReady(f"{subject} is not ready (status={status or 'missing'}). {again}")
    path = state.outputs.get("kubeconfig_path")
    if not isinstance(path, str) or not path.strip():
        raise StateNotReady(f"{subject} does not publish required output kubeconfig_path.")
    return path.strip()


_TEXTS = ("status", "module_ref", "state_instance", "updated_at", "last_error", "failed_command")
