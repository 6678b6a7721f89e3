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
    assert type(refusal(code, Status(message, "", code))) is ClusterUnavailable


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
        (404, Status(), "/", "404, with no word of an API server's: something else answers at its URL"),
        (
            404,
            Status(),
            "/k8s/clusters/c-1/",
            "404, with no word of an API server's: something else answers at its URL, or the path /k8s/clusters/c-1 in",
        ),
        (404, Status("none"), "/x/", "404 without a reason: none (is the path /x in the kubeconfig's server right?)"),
        (301, Status(), "/x/", "301, with no word of an API server's: something else answers at its URL, or the path"),
        (403, Status(), "/x/", "403, with no word of an API server's: something else answers at its URL, or the path"),
        (503, Status(), "/", "503, with no word of an API server's: something else answers at its URL"),
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
