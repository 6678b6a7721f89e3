"""A kubeconfig that cannot be used: one sentence, which quotes nothing of it."""

import logging
from pathlib import Path

import pytest
from kubernetes.config import incluster_config

from krt.cluster.access import load_access
from krt.errors import SettingsInvalid
from tests.fakes.stand_in import write_kubeconfig

GOOD = """\
apiVersion: v1
kind: Config
current-context: test
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: s3cret}}]
contexts: [{name: test, context: {cluster: c, user: u}}]
"""
GARBLED = {
    "empty": ("", "file is empty"),
    "a word": ("hello", "is no kubeconfig"),
    "a list": ("[]", "is no kubeconfig"),
    "no YAML": ("clusters: [", "is no YAML"),
    "a tab": ("a:\n\t- b", "is no YAML"),
    "two documents": ("a: b\n---\nc: d", "is no YAML"),
    "binary": ("\x00\x01", "is no YAML"),
    "not UTF-8": (b"\xff\xfe\x00", "is no kubeconfig"),
    "no context": ("apiVersion: v1", "Expected key current-context"),
    "an unknown context": (GOOD.replace("current-context: test", "current-context: other"), "name other"),
    "an unknown cluster": (GOOD.replace("cluster: c,", "cluster: other,"), "name other"),
    "no server": (GOOD.replace("server:", "sever:"), "its server is no http:// or https:// URL"),
    "a number for a server": (GOOD.replace('"https://127.0.0.1:1"', "5"), "is no kubeconfig"),
    "no scheme": (GOOD.replace("https://", ""), "its server is no http:// or https:// URL"),
    "another scheme": (GOOD.replace("https://", "ftp://"), "its server is no http:// or https:// URL"),
    "half an address": (GOOD.replace("127.0.0.1:1", "[::1"), "is no kubeconfig"),
    "a proxy that is none": (GOOD.replace('1:1"', '1:1", proxy-url: "socks:x"'), "the proxy on the way"),
    "no token file": (GOOD.replace("token: s3cret", "tokenFile: /nonexistent/token"), "/nonexistent/token: No such"),
    "no authority": (GOOD.replace('1:1"', '1:1", certificate-authority: /nonexistent/ca'), "/nonexistent/ca"),
    "a garbled authority": (GOOD.replace('1:1"', '1:1", certificate-authority-data: aGVsbG8='), "no certificate"),
    "a garbled certificate": (
        GOOD.replace("token: s3cret", "client-certificate-data: aGVsbG8=, client-key-data: aGVsbG8="),
        "no certificate",
    ),
    "a user without an entry": (
        GOOD.replace("user: {token: s3cret}", "user: null, x: {token: s3cret}"),
        "Expected key user",
    ),
}


@pytest.mark.parametrize("name", GARBLED)
def test_a_garbled_kubeconfig_is_one_clear_sentence(tmp_path, name):
    content, says = GARBLED[name]
    file = tmp_path / "kubeconfig"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (problem,) = problems_of(file)
    assert problem.startswith(f"KUBECONFIG (or --kubeconfig) '{file}': ")
    assert says in problem
    assert "\n" not in problem
    assert "s3cret" not in problem


def test_a_kubeconfig_that_is_not_there_is_one_clear_sentence(tmp_path):
    (problem,) = problems_of(tmp_path / "missing")
    assert problem.endswith("missing': Invalid kube-config file. No configuration found.")


def problems_of(kubeconfig: Path | None) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as refused:
        load_access(kubeconfig)
    return refused.value.problems


def test_reading_a_kubeconfig_changes_nothing_about_logging(tmp_path):
    before = list(logging.getLogger().handlers)
    load_access(write_kubeconfig(tmp_path, {"server": "http://127.0.0.1:1"}, {"token": "first"}))
    assert logging.getLogger().handlers == before


@pytest.fixture
def pod(tmp_path, monkeypatch):
    """A pod's environment and its account's files; the files are where a pod has them, but for their directory."""
    authority, token = tmp_path / "ca.crt", tmp_path / "token"
    token.write_text("first")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    return authority


POD_PROBLEMS = {
    "no pod": ("KUBERNETES_SERVICE_HOST", None),
    "no token": ("SERVICE_TOKEN_FILENAME", "/nonexistent/token"),
    "no authority": ("SERVICE_CERT_FILENAME", "/nonexistent/ca"),
}


@pytest.mark.parametrize("name", POD_PROBLEMS)
def test_outside_a_pod_a_kubeconfig_is_asked_for(pod, monkeypatch, name):
    pod.write_text("-----BEGIN CERTIFICATE-----\n")
    where, value = POD_PROBLEMS[name]
    if value is None:
        monkeypatch.delenv(where)
    else:
        monkeypatch.setattr(incluster_config, where, value)
    (problem,) = problems_of(None)
    assert problem.startswith("KUBECONFIG (or --kubeconfig) is not given, and this is no pod with a service account: ")
