"""A kubeconfig that cannot be used: one sentence, which quotes nothing of it."""

import logging
from pathlib import Path

import pytest
import trustme

from krt.cluster import source
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
NO_CLUSTER = "its context 'test' names no cluster: write the name of one of its clusters there"
GARBLED = {
    "empty": ("", "the file is empty"),
    "a word": ("hello", "is not a kubeconfig"),
    "a list": ("[]", "is not a kubeconfig"),
    "no YAML": ("clusters: [", "is not YAML"),
    "a tab": ("a:\n\t- b", "is not YAML"),
    "two documents": ("a: b\n---\nc: d", "is not YAML"),
    "binary": ("\x00\x01", "is not YAML"),
    "not UTF-8": (b"\xff\xfe\x00", "not text in UTF-8"),
    "no context": ("apiVersion: v1", "no current-context is set"),
    "an unknown context": (
        GOOD.replace("current-context: test", "current-context: other"),
        "its current-context names the context 'other', which is not in it: correct the name, or add the context",
    ),
    "a context that is a number": (
        GOOD.replace("current-context: test", "current-context: 5"),
        "its current-context names the context 5, which is not in it",
    ),
    "an unknown cluster": (
        GOOD.replace("cluster: c,", "cluster: other,"),
        "its context 'test' names the cluster 'other', which is not in it: correct the name, or add the cluster",
    ),
    "no cluster": (GOOD.replace("cluster: c, ", ""), NO_CLUSTER),
    "an empty cluster": (GOOD.replace("cluster: c,", 'cluster: "",'), NO_CLUSTER),
    "a cluster of null": (GOOD.replace("cluster: c,", "cluster: null,"), NO_CLUSTER),
    "a context of nothing": (GOOD.replace("context: {cluster: c, user: u}", "context: null"), NO_CLUSTER),
    "an unknown user": (
        GOOD.replace("user: u}", "user: other}"),
        "its context 'test' names the user 'other', which is not in it: correct the name, or add the user",
    ),
    "an unknown user, and none at all": (
        GOOD.replace("users: [{name: u, user: {token: s3cret}}]", ""),
        "its context 'test' names the user 'u', which is not in it",
    ),
    "a user that is a list": (
        GOOD.replace("user: u}", "user: [s3cret]}"),
        "'test': the field user is a list: write text, in",
    ),
    "no server": (GOOD.replace('server: "https://127.0.0.1:1"', ""), "its server is not an http:// or https:// URL"),
    "a field that nobody knows": (
        GOOD.replace("server:", "sever:"),
        "its cluster 'c': krt knows no field sever: correct its name, or take it out",
    ),
    "a number for a server": (
        GOOD.replace('"https://127.0.0.1:1"', "5"),
        "its cluster 'c': the field server is a number: write text, in quotes",
    ),
    "a token that looks like a number": (
        GOOD.replace("s3cret", "5"),
        "'u': the field token is a number: write text, in",
    ),
    "a token that looks like a date": (GOOD.replace("s3cret", "2020-01-01"), "'u': the field token is a date: write"),
    "an empty token": (GOOD.replace("s3cret", ""), "'u': the field token is empty: write text, in quotes"),
    "a user that is text": (
        GOOD.replace("{token: s3cret}", "s3cret"),
        "'u': it is text: write fields with their values",
    ),
    "a context that is a list": (
        GOOD.replace("{cluster: c, user: u}", "[s3cret]"),
        "'test': it is a list: write fields with",
    ),
    "a switch in quotes": (
        GOOD.replace('1:1"', '1:1", insecure-skip-tls-verify: "yes"'),
        "'c': the field insecure-skip-tls-verify is text: write true or false, without quotes",
    ),
    "a plugin that is text": (
        GOOD.replace("token: s3cret", "exec: s3cret"),
        "'u': the field exec is text: write fields with their values",
    ),
    "arguments that are text": (
        GOOD.replace("token: s3cret", "exec: {args: s3cret}"),
        "field exec.args is text: write a",
    ),
    "a variable without a name": (
        GOOD.replace("token: s3cret", "exec: {env: [{value: s3cret}]}"),
        "'u': the field exec.env[0].name is missing: add it",
    ),
    "a plugin's field that nobody knows": (
        GOOD.replace("token: s3cret", "exec: {arg: [s3cret]}"),
        "'u': krt knows no field exec.arg: correct",
    ),
    "a name that is a number": (
        GOOD.replace("token: s3cret", "as-user-extra: {5: [s3cret]}"),
        "'u': a name in as-user-",
    ),
    "no scheme": (GOOD.replace("https://", ""), "its server is not an http:// or https:// URL"),
    "another scheme": (GOOD.replace("https://", "ftp://"), "its server is not an http:// or https:// URL"),
    "half an address": (GOOD.replace("127.0.0.1:1", "[::1"), "its server is not an http:// or https:// URL"),
    "a proxy that is none": (GOOD.replace('1:1"', '1:1", proxy-url: "socks:x"'), "the proxy-url of its cluster"),
    "no token file": (GOOD.replace("token: s3cret", "tokenFile: /nonexistent/token"), "/nonexistent/token: No such"),
    "no authority": (GOOD.replace('1:1"', '1:1", certificate-authority: /nonexistent/ca'), "/nonexistent/ca"),
    "a garbled authority": (GOOD.replace('1:1"', '1:1", certificate-authority-data: aGVsbG8='), "no certificate"),
    "a garbled certificate": (
        GOOD.replace("token: s3cret", "client-certificate-data: aGVsbG8=, client-key-data: aGVsbG8="),
        "no certificate",
    ),
}


@pytest.mark.parametrize("name", GARBLED)
def test_a_garbled_kubeconfig_is_one_clear_sentence(tmp_path, name):
    """Seen to fail with msgspec's own text, such as Expected `object`, got `str` - at `$.exec`."""
    content, says = GARBLED[name]
    file = tmp_path / "kubeconfig"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (problem,) = problems_of(file)
    assert problem.startswith(f"KUBECONFIG (or --kubeconfig) '{file}': ")
    assert says in problem
    assert "\n" not in problem
    assert "s3cret" not in problem
    assert not set("`$") & set(problem)  # a decoder's words are nobody's


NOBODY = ["{cluster: c}", '{cluster: c, user: ""}', "{cluster: c, user: null}", "{cluster: c, namespace: shop}"]


@pytest.mark.parametrize("context", NOBODY)
@pytest.mark.parametrize("users", ["users: [{name: u, user: {token: s3cret}}]", "users: []", ""])
async def test_a_context_without_a_user_asks_without_credentials(tmp_path, context, users):
    """As in kubectl, for example through `kubectl proxy`. Seen to fail with such a context refused."""
    file = tmp_path / "kubeconfig"
    text = GOOD.replace("{cluster: c, user: u}", context)
    file.write_text(text.replace("users: [{name: u, user: {token: s3cret}}]", users))
    server, credentials = load_access(file)
    assert (server.url, await credentials.headers()) == ("https://127.0.0.1:1", ())


def test_a_kubeconfig_that_is_not_there_is_one_clear_sentence(tmp_path):
    (problem,) = problems_of(tmp_path / "missing")
    assert problem.endswith("missing: No such file or directory")


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
    """A pod's environment, and the folder with its account's files."""
    (tmp_path / "token").write_text("first")
    (tmp_path / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    monkeypatch.setattr(source, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    return tmp_path


@pytest.mark.parametrize("missing", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "token", "ca.crt"])
def test_outside_a_pod_a_kubeconfig_is_asked_for(pod, monkeypatch, missing):
    load_access(None)
    if missing.isupper():
        monkeypatch.delenv(missing)
    else:
        (pod / missing).unlink()
    (problem,) = problems_of(None)
    assert problem.startswith("KUBECONFIG (or --kubeconfig) is not given, and this is not a pod with a service account")
