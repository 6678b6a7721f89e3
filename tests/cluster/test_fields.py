"""Each field of a kubeconfig is obeyed, or refused by its name; several files are merged as kubectl merges them.

Seen to fail with the kubernetes package in the place of krt.cluster.kubeconfig: `as` was passed over, the program of an
`auth-provider` was run, and the current context of the last file was taken.
"""

import json
import os
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import yaml

from krt.cluster.access import http_client, load_access
from krt.dev.cluster import deployment
from krt.errors import ClusterUnavailable, SettingsInvalid
from tests.fakes.calls import Calls
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.stand_in import key, write_kubeconfig

URL = "http://127.0.0.1:1"
V1 = "client.authentication.k8s.io/v1"


def problem_of(kubeconfig) -> str:
    with pytest.raises(SettingsInvalid) as refused:
        load_access(kubeconfig)
    (problem,) = refused.value.problems
    assert "s3cret" not in problem
    return problem


REFUSED_USERS = {
    "auth-provider gcp": ({"auth-provider": {"name": "gcp", "config": {"cmd-path": "touch RAN"}}}, "auth-provider"),
    "auth-provider oidc": ({"auth-provider": {"name": "oidc", "config": {"id-token": "s3cret"}}}, "auth-provider"),
    "auth-provider beside a token": ({"token": "s3cret", "auth-provider": {"name": "azure"}}, "auth-provider"),
    "as-groups alone": ({"token": "s3cret", "as-groups": ["admins"]}, "without as"),
    "as-uid alone": ({"token": "s3cret", "as-uid": "1"}, "without as"),
    "as-user-extra alone": ({"token": "s3cret", "as-user-extra": {"a": ["b"]}}, "without as"),
    "a line end in as": ({"token": "s3cret", "as": "a\r\nX: y"}, "its user's as holds"),
    "as that is a list": ({"as": ["a"]}, "the field as is a list: write text, in quotes"),
    "token and password": ({"token": "s3cret", "username": "u", "password": "p"}, "a token and a password"),
    "password alone": ({"password": "s3cret"}, "a password without a username"),
    "a key alone": ({"client-key-data": "QUJD"}, "without its key, or a key alone"),
    "a certificate alone": ({"client-certificate-data": "QUJD"}, "without its key, or a key alone"),
    "file and data": ({"client-certificate": "x", "client-certificate-data": "QUJD"}, "client-certificate-data"),
    "no base64": ({"client-certificate-data": "s3cret!", "client-key-data": "QUJD"}, "is not base64"),
    "a number for a token": ({"token": 12345}, "the field token is a number: write text, in quotes"),
    "a field of the future": ({"token": "s3cret", "as-tenant": "x"}, "krt knows no field as-tenant: correct its name"),
    "a misspelt field": ({"token-file": "s3cret"}, "krt knows no field token-file: correct its name"),
    "a plugin without a command": ({"exec": {"apiVersion": V1}}, "names no command"),
    "a plugin of v1alpha1": ({"exec": {"apiVersion": f"{V1}alpha1", "command": "x"}}, "v1alpha1"),
    "a plugin of no version": ({"exec": {"command": "x"}}, "apiVersion ''"),
    "a plugin that asks": ({"exec": {"apiVersion": V1, "command": "x", "interactiveMode": "Always"}}, "Always"),
    "a plugin of another mode": (
        {"exec": {"apiVersion": V1, "command": "x", "interactiveMode": "?"}},
        "none of Never",
    ),
    "a plugin with another field": (
        {"exec": {"apiVersion": V1, "command": "x", "shell": True}},
        "krt knows no field exec.shell: correct",
    ),
}


@pytest.mark.parametrize("name", REFUSED_USERS)
def test_what_krt_does_not_do_for_a_user_is_refused_by_its_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    user, says = REFUSED_USERS[name]
    assert says in problem_of(write_kubeconfig(tmp_path, {"server": URL}, user))
    assert not (tmp_path / "RAN").exists()


REFUSED_CLUSTERS = {
    "no server": ({}, "its server is no"),
    "a user in the URL": ({"server": "https://u:s3cret@host"}, "a user, a query or a fragment"),
    "a query": ({"server": f"{URL}?a=b"}, "a user, a query or a fragment"),
    "a SOCKS proxy": ({"proxy-url": "socks5://u:s3cret@host:1080"}, "SOCKS"),
    "a proxy of ftp": ({"proxy-url": "ftp://u:s3cret@host"}, "proxy-url"),
    "an authority and none": (
        {"certificate-authority-data": "QUJD", "insecure-skip-tls-verify": True},
        "insecure-skip-tls-verify",
    ),
    "two authorities": ({"certificate-authority-data": "QUJD", "certificate-authority": "x"}, "certificate-authority"),
    "a word for a truth": ({"insecure-skip-tls-verify": "yes please"}, "insecure-skip-tls-verify"),
    "a field of the future": ({"server-pin": "x"}, "krt knows no field server-pin: correct its name"),
}


@pytest.mark.parametrize("name", REFUSED_CLUSTERS)
def test_what_krt_does_not_do_for_a_cluster_is_refused_by_its_name(name, tmp_path):
    changes, says = REFUSED_CLUSTERS[name]
    cluster = {"server": URL, **changes} if changes else {}
    assert says in problem_of(write_kubeconfig(tmp_path, cluster, {"token": "s3cret"}))


def test_what_stands_at_other_users_and_clusters_is_nobodys_business(tmp_path):
    path = write_kubeconfig(tmp_path, {"server": URL, "disable-compression": True, "extensions": []}, {"token": "t"})
    document = yaml.safe_load(path.read_text()) | {"preferences": {"colors": True}, "extensions": None}
    document["users"].append({"name": "other", "user": {"auth-provider": {"name": "gcp"}, "x": 1}})
    document["clusters"].append({"name": "other", "cluster": {"y": 1}})
    document["contexts"][0]["context"] |= {"namespace": "shop", "extensions": []}
    path.write_text(yaml.safe_dump(document))
    server, _ = load_access(path)
    assert server.url == URL


NULLS = [
    ({"certificate-authority-data": None, "insecure-skip-tls-verify": None}, {}),
    ({"proxy-url": None, "tls-server-name": None, "extensions": None}, {}),
    ({}, {"as": None, "as-uid": None, "as-groups": None, "as-user-extra": None}),
    ({}, {"client-certificate-data": None, "client-key-data": None, "exec": None, "auth-provider": None}),
    ({}, {"tokenFile": None, "username": None, "password": None}),
    ({}, {"exec": {"apiVersion": V1, "command": "x", "args": None, "installHint": None, "provideClusterInfo": None}}),
    ({}, {"exec": {"apiVersion": V1, "command": "x", "env": [{"name": "A", "value": None}], "interactiveMode": None}}),
]


@pytest.mark.parametrize(("cluster", "user"), NULLS)
async def test_a_field_that_is_null_is_not_set(tmp_path, cluster, user):
    """As in kubectl. Seen to fail with null for a value: no text, refused."""
    path = write_kubeconfig(tmp_path, {"server": URL, **cluster}, {"token": "t", **user})
    _, credentials = load_access(path)
    assert await credentials.headers() == (("Authorization", "Bearer t"),)


async def headers_of(tmp_path, user):
    _, credentials = load_access(write_kubeconfig(tmp_path, {"server": URL}, user))
    return await credentials.headers()


IMPERSONATED = [
    ({"as": "jane"}, [("Impersonate-User", "jane")]),
    (
        {"as": "system:serviceaccount:shop:krt", "as-uid": "42", "as-groups": ["a", "b c"]},
        [
            ("Impersonate-User", "system:serviceaccount:shop:krt"),
            ("Impersonate-Uid", "42"),
            ("Impersonate-Group", "a"),
            ("Impersonate-Group", "b c"),
        ],
    ),
    (
        {"as": "jürgen", "as-user-extra": {"acme.io/team é": ["z"], "scopes": ["x", "y"]}},
        [
            ("Impersonate-User", "jürgen"),
            ("Impersonate-Extra-acme.io%2Fteam%20%C3%A9", "z"),
            ("Impersonate-Extra-scopes", "x"),
            ("Impersonate-Extra-scopes", "y"),
        ],
    ),
]


@pytest.mark.parametrize(("fields", "headers"), IMPERSONATED)
async def test_krt_asks_as_the_user_that_the_kubeconfig_names(tmp_path, fields, headers):
    assert await headers_of(tmp_path, {"token": "t", **fields}) == (("Authorization", "Bearer t"), *headers)
    basic = await headers_of(tmp_path, {"username": "u", "password": "p", **fields})
    assert basic == (("Authorization", "Basic dTpw"), *headers)


async def test_every_header_of_impersonation_is_sent(tmp_path):
    heard = []

    async def serve(stream):
        heard.append(await stream.receive_some())
        await stream.send_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        user = {"token": "t", "as": "jürgen", "as-groups": ["a", "b"]}
        async with api_of(write_kubeconfig(tmp_path, {"server": url}, user)) as api:
            with pytest.raises(Exception, match="403"):
                await api.read(key("web"))
        nursery.cancel_scope.cancel()
    lines = heard[0].lower().split(b"\r\n")
    for line in ("impersonate-user: jürgen", "impersonate-group: a", "impersonate-group: b"):
        assert line.encode() in lines


async def test_the_token_file_comes_before_the_token_and_the_token_where_it_cannot_be_read(tmp_path):
    (tmp_path / "token").write_text("new\n")
    assert await headers_of(tmp_path, {"token": "old", "tokenFile": "token"}) == (("Authorization", "Bearer new"),)
    assert await headers_of(tmp_path, {"token": "old", "tokenFile": "none"}) == (("Authorization", "Bearer old"),)


@asynccontextmanager
async def api_of(kubeconfig):
    server, credentials = load_access(kubeconfig)
    async with http_client(server, connections=2) as client:
        yield Calls(client, credentials)


# several files


def part(path, **parts):
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(parts))
    return path


def merged(*files):
    return Path(os.pathsep.join(map(str, files)))


async def test_files_are_merged_and_the_first_to_name_a_thing_is_believed(tmp_path, stand_in):
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "secret").write_text("first")
    contexts = [{"name": "test", "context": {"cluster": "c", "user": "u"}}]
    one = part(tmp_path / "a" / "one", contexts=contexts, clusters=None, **{"current-context": ""})
    two = part(
        tmp_path / "users" / "two",
        users=[{"name": "u", "user": {"tokenFile": "secret"}}],
        **{"current-context": "test"},
    )
    three = part(
        tmp_path / "b" / "three",
        clusters=[{"name": "c", "cluster": {"server": stand_in.url}}],
        users=[{"name": "u", "user": {"token": "wrong"}}],
        contexts=[{"name": "test", "context": {"cluster": "nowhere", "user": "u"}}],
        **{"current-context": "nowhere"},
    )
    (tmp_path / "empty").touch()
    async with api_of(merged(tmp_path / "absent", one, "", tmp_path / "empty", two, three)) as api:
        assert (await api.read(key("web"))).key == key("web")
    assert stand_in.seen[0].authorization == "Bearer first"


def test_of_several_files_the_one_at_fault_is_named(tmp_path):
    good = write_kubeconfig(tmp_path, {"server": URL}, {"token": "t"})
    (tmp_path / "bad").write_text("users: {")
    assert f"{tmp_path / 'bad'}: it is not YAML" in problem_of(merged(good, tmp_path / "bad"))
    part(tmp_path / "twice", users=[{"name": "u"}, {"name": "u"}])
    assert "two of its users have the name 'u'" in problem_of(tmp_path / "twice")
    assert "none of these files exists" in problem_of(merged(tmp_path / "x", tmp_path / "y"))


def test_a_file_with_a_colon_in_its_name_is_one_file(tmp_path):
    (tmp_path / "a:b").write_text(write_kubeconfig(tmp_path, {"server": URL}, {"token": "t"}).read_text())
    assert load_access(tmp_path / "a:b")[0].url == URL


# plugins


def plugin(tmp_path, script, **fields):
    program = tmp_path / "plugin"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    entry = {"apiVersion": V1, "command": "./plugin", "installHint": "brew install it", **fields}
    return {"exec": {name: value for name, value in entry.items() if value is not None}}


def printing(**status):
    return f"echo '{json.dumps({'apiVersion': V1, 'kind': 'ExecCredential', 'status': status})}'"


BROKEN = {
    "missing": (None, r"cannot be run \(No such file or directory\)\. brew install it"),
    "exit code": ("echo no cloud >&2; exit 3", "failed with exit code 3: no cloud"),
    "exit code and silence": ("exit 3", "failed with exit code 3 and said nothing"),
    "a signal": ("kill -9 $$", "failed with exit code -9"),
    "loud": ("head -c 500000 /dev/zero >&2; exit 1", "failed with exit code 1 and said nothing"),
    "loud for ever": ("yes complaint >&2", "printed more than 1024 KiB"),
    "escapes": (r"printf '\033[31mred\n\n\tline\033[0m' >&2; exit 1", r"exit code 1: \[31mred line \[0m$"),
    "silence": ("true", "printed something that is not an ExecCredential"),
    "garbage": ("head -c 1000 /dev/zero", "printed something that is not an ExecCredential"),
    "deep": ("printf '%0200000d' | tr 0 '['", "printed something that is not an ExecCredential"),
    "endless": ("cat /dev/zero", "printed more than 1024 KiB"),
    "another version": (printing(token="t").replace("/v1", "/v1beta1"), "another apiVersion"),
    "another kind": (printing(token="t").replace("ExecCredential", "Secret"), "no ExecCredential with a status"),
    "no status": (f'echo \'{{"apiVersion": "{V1}", "kind": "ExecCredential"}}\'', "no ExecCredential with a status"),
    "no token": (printing(), "neither a token nor a certificate"),
    "a key alone": (printing(clientKeyData="x"), "a certificate without its key"),
    "no certificate": (
        printing(clientKeyData="x", clientCertificateData="y"),
        "holds no certificate, or its client key holds no unencrypted key",
    ),
    "two lines for a token": (printing(token="a b"), "its token has a character"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_plugin_that_gives_nothing_is_one_sentence(name, tmp_path, caplog, capfd):
    script, says = BROKEN[name]
    user = plugin(tmp_path, script or "true")
    if script is None:
        (tmp_path / "plugin").unlink()
    _, credentials = load_access(write_kubeconfig(tmp_path, {"server": URL}, user))
    with pytest.raises(ClusterUnavailable, match=says) as refused:
        await credentials.headers()
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 2000
    assert credentials.problem == str(refused.value)
    assert {record.name for record in caplog.records} == {"krt.cluster"}
    assert capfd.readouterr() == ("", "")


async def test_a_plugin_that_hangs_is_ended_with_all_that_it_started(tmp_path, mock_clock):
    pids = tmp_path / "pids"
    user = plugin(tmp_path, f"sleep 1000 & echo $! $$ > {pids}; cat; sleep 1000")
    _, credentials = load_access(write_kubeconfig(tmp_path, {"server": URL}, user))

    async def hear():
        with pytest.raises(ClusterUnavailable, match="did not end within 30 s, and was killed"):
            await credentials.headers()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        mock_clock.rate = 1
        await until_on_wall_clock(lambda: pids.exists() and pids.read_text().strip())
        mock_clock.jump(31)
    for pid in pids.read_text().split():
        await until_on_wall_clock(lambda pid=pid: not _is_alive(int(pid)))


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except OSError:
        return False


async def test_what_a_plugin_leaves_behind_does_not_hold_its_token_up(tmp_path):
    user = plugin(tmp_path, f"sleep 1000 & {printing(token='t')}")
    with trio.fail_after(20):
        assert await headers_of(tmp_path, user) == (("Authorization", "Bearer t"),)


async def test_a_plugin_gets_the_information_that_kubectl_gives_it(tmp_path):
    user = plugin(
        tmp_path,
        f'printf "%s %s" "$1" "$OWN" > {tmp_path}/heard; printf "%s" "$KUBERNETES_EXEC_INFO" > {tmp_path}/info; '
        + printing(token="t"),
        args=["an argument"],
        env=[{"name": "OWN", "value": "value"}],
        provideClusterInfo=True,
        interactiveMode="IfAvailable",
    )
    extensions = [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}, {"name": "other"}]
    cluster = {"server": URL, "tls-server-name": "name", "extensions": extensions}
    _, credentials = load_access(write_kubeconfig(tmp_path, cluster, user))
    assert await credentials.headers() == (("Authorization", "Bearer t"),)
    assert (tmp_path / "heard").read_text() == "an argument value"
    assert json.loads((tmp_path / "info").read_text()) == {
        "apiVersion": V1,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {"server": URL, "tls-server-name": "name", "config": {"audience": "x"}},
        },
    }


NULL_STATUSES = [
    {"clientCertificateData": None},
    {"clientKeyData": None, "clientCertificateData": None},
    {"expirationTimestamp": None},
    {"expirationTimestamp": None, "clientKeyData": None, "clientCertificateData": None},
    {"clientKeyData": "", "clientCertificateData": None},
]


@pytest.mark.parametrize("status", NULL_STATUSES)
async def test_what_a_plugin_gives_as_null_it_does_not_give(tmp_path, status):
    """As in kubectl. Seen to fail with null for no text: "printed something that is not an ExecCredential"."""
    headers = await headers_of(tmp_path, plugin(tmp_path, printing(token="t", **status)))
    assert headers == (("Authorization", "Bearer t"),)


async def test_a_user_with_a_token_runs_no_plugin(tmp_path):
    user = {"token": "own", **plugin(tmp_path, f"touch {tmp_path}/RAN; {printing(token='t')}")}
    assert await headers_of(tmp_path, user) == (("Authorization", "Bearer own"),)
    assert not (tmp_path / "RAN").exists()
