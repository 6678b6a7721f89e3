"""What an answer amounts to, by its code and its Status alone; the same over sockets stands in test_restarting."""

import msgspec
import pytest

from krt.cluster.object_errors import (
    AlreadyThere,
    FieldConflict,
    InvalidField,
    NotServed,
    ObjectInvalid,
    OwnedField,
    PreconditionFailed,
    TooManyRequests,
)
from krt.cluster.refusal import refusal
from krt.cluster.wire import Status, read_status
from krt.errors import ClusterDenied, ClusterRefused, ClusterUnavailable, Conflict, NotThere

RBAC = 'deployments.apps "web" is forbidden: User "krt" cannot patch resource "deployments" in API group "apps"'
POLICY = "ValidatingAdmissionPolicy 'krt' with binding 'krt' denied request: only restartedAt may change"
WEBHOOK = 'admission webhook "validate.example.com" denied the request: frozen'
QUOTA = 'deployments.apps "web" is forbidden: exceeded quota: compute'


@pytest.mark.parametrize(
    ("message", "error"),
    [(RBAC, ClusterDenied), ("", ClusterDenied)] + [(text, ClusterRefused) for text in (POLICY, WEBHOOK, QUOTA)],
)
def test_a_403_of_rbac_may_pass_and_one_of_an_admission_does_not(message, error):
    assert type(refusal(403, Status(message, "Forbidden", 403))) is error


BOUND_POLICY = f'deployments.apps "web" is forbidden: {POLICY}'
TALKATIVE = 'admission webhook "deny.example.com" denied the request: User "x" cannot patch what is frozen'
LINES = 'admission webhook "deny.example.com" denied the request: frozen:\n- until Monday'


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 413, 422])
@pytest.mark.parametrize("message", [WEBHOOK, BOUND_POLICY, TALKATIVE, LINES])
def test_an_admissions_denial_is_final_whatever_code_it_bears(code, message):
    """A webhook chooses it. Seen to fail by the code: 409 was tried again at once for ever, 404 was a workload gone."""
    error = refusal(code, Status(message, "Forbidden", code))
    assert type(error) is ClusterRefused
    assert message in str(error)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (500, 'Internal error occurred: failed calling webhook "a.example": failed to call webhook: Post "https://a"'),
        (500, 'admission webhook "a.example" denied the request: its own cache is not filled yet'),
        (503, 'admission webhook "a.example" denied the request: starting'),
        (429, 'admission webhook "a.example" denied the request: slow down'),
        (504, "Timeout: request did not complete within the allotted timeout"),
    ],
)
def test_an_admission_that_could_not_be_asked_is_asked_again(code, message):
    assert isinstance(refusal(code, Status(message, "", code)), ClusterUnavailable)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("86400", 300.0),
        ("9" * 100, 300.0),
        ("-1", 0),
        ("1.5", 0),
        ("٣", 0),
        ("soon", 0),
        ("", 0),
        (None, 0),
        ("Sat, 21 Nov 2026 04:00:00 GMT", 0),
    ],
)
def test_the_pause_asked_for_is_a_number_of_seconds_within_reason(header, seconds):
    error = refusal(429, Status(), header)
    assert isinstance(error, ClusterUnavailable)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    "body", [b"", b"<html>502</html>", b"[]", b'{"message": 5}', b"\xff", b'"text"', b'{"message": "\xff"}']
)
def test_a_body_that_is_no_status_says_nothing(body):
    assert read_status(body) == Status()


@pytest.mark.parametrize(
    ("code", "status", "path", "problem"),
    [
        (404, Status(), "/", "404 without an API server's Status object: something else answers at its URL"),
        (
            404,
            Status(),
            "/k8s/clusters/c-1/",
            "404 without an API server's Status object: something else answers at its URL, or the path /k8s/clusters",
        ),
        (404, Status("none"), "/x/", "404 without a reason: none (is the path /x in the kubeconfig's server right?)"),
        (301, Status(), "/x/", "301 without an API server's Status object: something else answers at its URL, or the"),
        (403, Status(), "/x/", "403 without an API server's Status object: something else answers at its URL, or the"),
        (503, Status(), "/", "503 without an API server's Status object: something else answers at its URL"),
        (404, Status("gone", "NotFound"), "/x/", "404 NotFound: gone"),
        (404, Status("", "NotFound"), "/x/", "404 NotFound: no message"),
        (422, Status("too long"), "/", "422 without a reason: too long"),
    ],
)
def test_an_answer_that_is_no_api_servers_names_the_path_as_a_possible_cause(code, status, path, problem):
    """Seen to fail with `404 without a reason: no message` for all that is no Status."""
    said = str(refusal(code, status, path=path))
    assert said.startswith(problem)
    assert path == "/" or ("/x" in said or "c-1" in said) == (not status.reason)


def account(code: int, message: str, reason: str, **details: object) -> Status:
    """As it comes over the wire."""
    body = {"kind": "Status", "message": message, "reason": reason, "code": code, "details": details}
    return read_status(msgspec.json.encode(body))


def test_a_conflict_of_managers_names_each_and_its_field():
    said = 'Apply failed with 2 conflicts: conflicts with "alice" using v1:\n- .data.v\nconflicts with "kubectl" …'
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "alice" using v1', "field": ".data.v"},
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl" with subresource "scale" using apps/v1',
            "field": ".spec.replicas",
        },
        {"reason": "FieldManagerConflict", "message": "conflict", "field": ".spec.x"},
    ]
    error = refusal(409, account(409, said, "Conflict", causes=causes))
    assert isinstance(error, FieldConflict)
    assert error.fields == (
        OwnedField("alice", ".data.v"),
        OwnedField("kubectl", ".spec.replicas"),
        OwnedField("another manager", ".spec.x"),
    )
    assert str(error) == f"409 Conflict: {said}"


MODIFIED = 'Operation cannot be fulfilled on secrets "a": the object has been modified; please apply your changes to …'
ANOTHER = 'Operation cannot be fulfilled on secrets "a": Precondition failed: UID in precondition: x, UID in object …'


@pytest.mark.parametrize(
    ("message", "reason", "error"),
    [
        (MODIFIED, "Conflict", Conflict),
        (ANOTHER, "Conflict", PreconditionFailed),
        ('secrets "a" already exists', "AlreadyExists", AlreadyThere),
        ("", "", Conflict),
    ],
)
def test_conflicts_are_told_apart(message, reason, error):
    assert type(refusal(409, account(409, message, reason))) is error


def test_what_is_invalid_names_every_field_of_the_servers_causes():
    causes = [
        {"reason": "FieldValueInvalid", "message": "Invalid value: 0: must be between 1 and 65535", "field": "spec.a"},
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.b"},
    ]
    error = refusal(422, account(422, 'Service "web" is invalid: […]', "Invalid", causes=causes))
    assert isinstance(error, ObjectInvalid)
    assert error.fields == (
        InvalidField("spec.a", "Invalid value: 0: must be between 1 and 65535"),
        InvalidField("spec.b", "Required value"),
    )
    assert refusal(422, account(422, "no", "Invalid", causes=None)).fields == ()


@pytest.mark.parametrize(
    ("details", "error"),
    [({"name": "web", "kind": "deployments"}, NotThere), ({}, NotServed), ({"causes": []}, NotServed)],
)
def test_a_kind_that_is_not_served_is_told_from_an_object_that_is_not_there(details, error):
    """Seen to fail with every 404 an object that is not there."""
    assert type(refusal(404, account(404, "…", "NotFound", **details))) is error


def test_the_servers_pause_stands_in_its_account_too():
    """Seen to fail with the header alone."""
    error = refusal(429, account(429, "too many", "TooManyRequests", retryAfterSeconds=7))
    assert isinstance(error, TooManyRequests)
    assert error.retry_after_seconds == 7
    assert refusal(429, account(429, "", "TooManyRequests", retryAfterSeconds=7), "3").retry_after_seconds == 3


@pytest.mark.parametrize(
    "message",
    [
        "failed to create typed patch object (shop/a; /v1, Kind=ConfigMap): .dta: field not declared in schema",
        "failed to convert new object (shop/a; /v1, Kind=Secret) to proper version: illegal base64 data",
    ],
)
def test_an_apply_that_is_not_of_its_kind_is_invalid_though_its_code_says_otherwise(message):
    """Kubernetes 1.36 says 500 without a reason. Seen to fail with the code alone: it was to be tried again."""
    assert isinstance(refusal(500, Status(message, "", 500)), ObjectInvalid)
    assert isinstance(refusal(500, Status(f"webhook: {message}", "", 500)), ClusterUnavailable)
