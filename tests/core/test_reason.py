"""Reasons from the cluster: short, one line, nothing that steers a terminal, no secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.core.reason import MOST_REASON, readable

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJrcnQifQ.c2lnbmF0dXJl"
SECRET = "hunter2!"


@pytest.mark.parametrize(
    "text",
    [
        f'Pod "web-1" is invalid: spec.containers[0].env[0].value: Invalid value: "{SECRET}": must not be set',
        f'spec.containers[0].env: Invalid value: core.EnvVar{{Name:"A", Value:"x: {SECRET}"}}: may not be set',
        f'Unsupported value: "a \\" {SECRET}": supported values: "Always"',
        f"Duplicate value: {SECRET}",
        f'failed to call webhook: Post "https://krt:{SECRET}@hook.example/": connection refused',
        f"the server said: Bearer {SECRET}",
        f"PASSWORD={SECRET} is not wanted here",
        f'api-key: "{SECRET} and more"',
        f"token: {SECRET}, and more",
        f'Invalid value: "{SECRET}' + "x" * 5000,
    ],
)
def test_what_may_be_a_secret_is_left_out(text: str) -> None:
    """Seen to fail with messages readable as they are: the API server quotes what it refuses."""
    assert SECRET not in readable(text)
    assert "…" in readable(text)


def test_a_token_is_left_out_wherever_it_stands() -> None:
    assert readable(f"no ({JWT}) here") == "no (…) here"


@pytest.mark.parametrize(
    "text",
    [
        'pods "web-5d4f-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
        'pods "web-5d4f-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3',
        'admission webhook "deny.example.com" denied the request: frozen until Monday',
        'ReplicaSet "web-7d4b" has timed out progressing.',
        'secrets "web-token" not found',
    ],
)
def test_a_reason_without_secrets_stays_as_it_is(text: str) -> None:
    assert readable(text) == text


def test_parts_are_one_line_and_those_that_say_nothing_are_passed_over() -> None:
    assert readable("a\n  b", "", "c\td\x1b[31m", "\u202e") == "a b; c d [31m"


@given(st.lists(st.text(), max_size=4))
def test_a_reason_is_one_printable_line_of_bounded_length(parts: list[str]) -> None:
    line = readable(*parts)
    assert len(line) <= MOST_REASON
    assert line.isprintable()
