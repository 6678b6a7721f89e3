"""What an answer amounts to, by its code and its Status alone; the same over sockets stands in test_restarting."""

import pytest

from krt.cluster.refusal import refusal
from krt.cluster.wire import Status, read_status
from krt.errors import ClusterDenied, ClusterRefused, ClusterUnavailable

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


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("86400", 300.0),
        ("9" * 100, 300.0),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Sat, 21 Nov 2026 04:00:00 GMT", None),
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
