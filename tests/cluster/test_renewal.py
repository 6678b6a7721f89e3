"""What is renewed on disk is used before the old one ends, and readiness says when the API server refuses it.

Seen to fail with one TLS context for the life of the client: the certificate of the start was shown for ever.
"""

import datetime as dt
import json
import ssl
from contextlib import asynccontextmanager

import pytest
import trio
import trustme
from trio.testing import MockClock

from krt.cluster import source
from krt.cluster.access import http_client, load_access
from krt.cluster.workloads.open import open_cluster
from krt.core.kube.restartable import RESTARTABLE
from krt.dev.cluster import deployment
from krt.errors import ClusterDenied, ClusterUnavailable
from tests.cluster.plugin import write_plugin
from tests.fakes.calls import Calls
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.stand_in import key, write_kubeconfig
from tests.fakes.tls_front import tls_front

CA = trustme.CA(key_type=trustme.KeyType.ECDSA)


def server_context(authority=CA):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    CA.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def write_certificate(directory, name, *, authority=CA, not_after=None):
    mine = authority.issue_cert(f"{name}@example.test", key_type=trustme.KeyType.ECDSA, not_after=not_after)
    mine.cert_chain_pems[0].write_to_path(directory / "krt.crt")
    mine.private_key_pem.write_to_path(directory / "krt.key")
    return mine


@asynccontextmanager
async def api_of(kubeconfig):
    server, credentials = load_access(kubeconfig)
    async with http_client(server, connections=4) as client:
        yield Calls(client, credentials), credentials, server


@pytest.fixture
def stand_in(stand_in):
    stand_in.cluster.tokens = None
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    return stand_in


def port_of(stand_in):
    return int(stand_in.url.rpartition(":")[2])


def kubeconfig_for(tmp_path, port):
    CA.cert_pem.write_to_path(tmp_path / "ca.crt")
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": "ca.crt"}
    return write_kubeconfig(tmp_path, cluster, {"client-certificate": "krt.crt", "client-key": "krt.key"})


async def test_a_certificate_that_is_renewed_is_shown_within_a_minute(stand_in, tmp_path, clock: MockClock):
    write_certificate(tmp_path, "old")
    async with (
        tls_front(port_of(stand_in), server_context()) as port,
        api_of(kubeconfig_for(tmp_path, port)) as (api, _, server),
    ):
        await api.read(key("web"))
        before = server.secured.context
        clock.jump(61)
        await api.read(key("web"))
        assert server.secured.context is before, "nothing has changed"
        assert len({seen.port for seen in stand_in.seen}) == 1
        write_certificate(tmp_path, "new")
        clock.jump(61)
        await api.read(key("web"))
        assert server.secured.context is not before
    assert len({seen.port for seen in stand_in.seen}) == 2, "to the API server a connection is whoever made it"


async def test_a_pair_that_is_half_replaced_is_read_again_and_the_old_one_kept(stand_in, tmp_path, clock: MockClock):
    write_certificate(tmp_path, "old")
    async with (
        tls_front(port_of(stand_in), server_context()) as port,
        api_of(kubeconfig_for(tmp_path, port)) as (api, credentials, _),
    ):
        await api.read(key("web"))
        old_key = (tmp_path / "krt.key").read_bytes()
        write_certificate(tmp_path, "new")
        new_key = (tmp_path / "krt.key").read_bytes()
        (tmp_path / "krt.key").write_bytes(old_key)
        clock.jump(61)
        await api.read(key("web"))
        assert credentials.problem is None
        (tmp_path / "krt.key").write_bytes(new_key)
        clock.jump(61)
        await api.read(key("web"))
    assert len({seen.port for seen in stand_in.seen}) == 2


async def test_an_authority_that_is_rotated_is_trusted_soon(stand_in, tmp_path, clock: MockClock):
    other = trustme.CA(key_type=trustme.KeyType.ECDSA)
    write_certificate(tmp_path, "krt")
    async with (
        tls_front(port_of(stand_in), server_context(other)) as port,
        api_of(kubeconfig_for(tmp_path, port)) as (api, _, _),
    ):
        with pytest.raises(ClusterUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await api.read(key("web"))
        (tmp_path / "ca.crt").write_bytes(CA.cert_pem.bytes() + b"# a comment\n" + other.cert_pem.bytes())
        clock.jump(5)
        await api.read(key("web"))


async def test_what_a_pod_is_given_is_read_again(stand_in, tmp_path, monkeypatch, clock: MockClock):
    other = trustme.CA(key_type=trustme.KeyType.ECDSA)
    (tmp_path / "token").write_text("first")
    (tmp_path / "ca.crt").write_bytes(other.cert_pem.bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    monkeypatch.setattr(source, "ACCOUNT", tmp_path)
    async with tls_front(port_of(stand_in), context) as port:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
        async with api_of(None) as (api, _, _):
            with pytest.raises(ClusterUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await api.read(key("web"))
            (tmp_path / "ca.crt").write_bytes(CA.cert_pem.bytes())
            (tmp_path / "token").write_text("second")
            clock.jump(5)
            await api.read(key("web"))
    assert [seen.authorization for seen in stand_in.seen] == ["Bearer second"]


async def test_a_plugins_certificate_is_renewed_before_it_ends(stand_in, tmp_path, clock: MockClock):
    plugin = write_plugin(tmp_path / "plugin")

    def give(seconds):
        mine = write_certificate(tmp_path, "krt")
        plugin.give("", seconds=seconds)
        answer = tmp_path / "plugin" / "answer"
        pems = {
            "clientCertificateData": mine.cert_chain_pems[0].bytes().decode(),
            "clientKeyData": mine.private_key_pem.bytes().decode(),
        }
        document = json.loads(answer.read_text())
        document["status"] = {**document["status"], **pems, "token": ""}
        answer.write_text(json.dumps(document))

    give(100)
    async with tls_front(port_of(stand_in), server_context()) as port:
        path = kubeconfig_for(tmp_path, port)
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(tmp_path / "ca.crt")}
        path = write_kubeconfig(tmp_path, cluster, plugin.user)
        async with api_of(path) as (api, _, _):
            await api.read(key("web"))
            give(100)
            clock.jump(40)
            await api.read(key("web"))
            assert plugin.runs == 1
            clock.jump(41)  # 19 s before the end
            await api.read(key("web"))
            assert plugin.runs == 2
    assert len({seen.port for seen in stand_in.seen}) == 2


async def test_an_answer_that_is_being_read_ends_on_its_own_connection(stand_in, tmp_path, clock: MockClock):
    write_certificate(tmp_path, "old")
    async with (
        tls_front(port_of(stand_in), server_context()) as port,
        api_of(kubeconfig_for(tmp_path, port)) as (api, _, _),
    ):
        version = await api.newest_version(RESTARTABLE["Deployment"], "shop")
        async with api.watch(RESTARTABLE["Deployment"], "shop", version, 240) as lines:
            write_certificate(tmp_path, "new")
            clock.jump(61)
            await api.read(key("web"))
            stand_in.set_image("web", "ghcr.io/acme/shop:new")
            with trio.fail_after(10):
                assert b"shop:new" in await anext(lines)
        await api.read(key("web"))
    assert len({seen.port for seen in stand_in.seen}) == 2


async def test_readiness_says_that_the_credentials_are_refused_where_nothing_else_is_asked(stand_in, clock: MockClock):
    stand_in.cluster.tokens = {"first"}
    async with open_cluster(
        stand_in.kubeconfig, kinds=("Deployment",), namespaces=("shop",), calls_at_once=2
    ) as cluster:
        await cluster.wait_listed()
        await until_on_wall_clock(lambda: not cluster.problems())
        stand_in.cluster.tokens = {"second"}
        clock.jump(61)
        await until_on_wall_clock(lambda: any("refuses krt's credentials (401)" in each for each in cluster.problems()))
        stand_in.token_file.write_text("second")
        clock.jump(70)  # once: a jump while it asks would be the end of that call's time
        await until_on_wall_clock(lambda: not cluster.problems())


async def test_a_certificate_that_has_ended_is_named_where_it_is_refused(stand_in, tmp_path):
    ended = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    write_certificate(tmp_path, "krt", not_after=ended)
    cluster = {"server": stand_in.url}
    user = {"client-certificate": "krt.crt", "client-key": "krt.key", "token": "second"}
    path = write_kubeconfig(tmp_path, cluster, user)
    stand_in.cluster.tokens = {"first"}
    async with api_of(path) as (api, credentials, _):
        with pytest.raises(ClusterDenied):
            await api.read(key("web"))
        assert credentials.problem is not None
        assert "its client certificate ended at 2026-01-02T03:04:05Z" in credentials.problem
