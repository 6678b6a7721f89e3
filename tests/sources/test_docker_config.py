"""Logins out of docker's config, and challenges of registries."""

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krt.sources.challenge import Challenge, parse_challenge
from krt.sources.docker_config import DockerConfig, DockerConfigInvalid

AUTH = base64.b64encode(b"robot:correct:horse").decode()


def login(host: str, **auths: object) -> tuple[str, str] | None:
    found = DockerConfig(json.dumps({"auths": auths}).encode()).login_of(host)
    return (found.user, found.password.reveal()) if found else None


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("ghcr.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/v2/", "ghcr.io"),
        ("localhost:5000", "localhost:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
def test_the_login_of_a_registry_is_found_under_each_of_its_names(name: str, host: str) -> None:
    assert login(host, **{name: {"auth": AUTH}}) == ("robot", "correct:horse")
    assert login(host, **{name: {"username": "robot", "password": "x"}}) == ("robot", "x")
    assert login("quay.io", **{name: {"auth": AUTH}}) is None


def test_a_login_without_a_user_is_none() -> None:
    assert login("ghcr.io", **{"ghcr.io": {}}) is None


def test_an_identity_token_is_a_login() -> None:
    found = DockerConfig(b'{"auths": {"a.io": {"identitytoken": "t"}}}').login_of("a.io")
    assert found
    assert found.identity_token
    assert found.identity_token.reveal() == "t"
    assert "'t'" not in repr(found)


def test_a_helper_is_known_by_name() -> None:
    config = DockerConfig(b'{"credsStore": "desktop", "credHelpers": {"a.io": "ecr-login"}}')
    assert config.helper_of("a.io") == "docker-credential-ecr-login"
    assert config.helper_of("b.io") == "docker-credential-desktop"
    assert DockerConfig(b"").helper_of("a.io") is None


@pytest.mark.parametrize("content", [b"[]", b'{"auths": []}', b'{"auths": {"a": {"auth": 7}}}', b"\xff", b"[" * 9999])
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(DockerConfigInvalid, match="is not a docker config"):
        DockerConfig(content)


@pytest.mark.parametrize("auth", ["???", "YWJj", "/w=="])
def test_a_damaged_login_is_refused_without_being_quoted(auth: str) -> None:
    with pytest.raises(DockerConfigInvalid, match="that is not base64 of USER:PASSWORD") as caught:
        login("a.io", **{"a.io": {"auth": auth}})
    assert auth not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Bearer realm="https://a/t",service="b c",scope="d"', Challenge("bearer", "https://a/t", "b c")),
        ('bearer service="b" , realm="https://a/t"', Challenge("bearer", "https://a/t", "b")),
        ('Bearer realm="https://a/\\"t",x=y', Challenge("bearer", 'https://a/"t')),
        ("Basic realm=x", Challenge("basic", "x")),
        ("Bearer", Challenge("bearer")),
        ("Negotiate abc", None),
        ("", None),
    ],
)
def test_a_challenge_is_read(header: str, found: Challenge | None) -> None:
    assert parse_challenge(header) == found


@given(st.text(max_size=200))
def test_any_header_is_read(header: str) -> None:
    parse_challenge(f"Bearer {header}")


@given(st.binary(max_size=100))
def test_any_file_is_read_or_refused(content: bytes) -> None:
    with suppress(DockerConfigInvalid):
        DockerConfig(content).login_of("a.io")
