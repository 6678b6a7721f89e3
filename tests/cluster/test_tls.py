"""TLS with an API server: an authority of its own, another name, a certificate for krt."""

import base64
import ssl
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trustme
from trio.testing import MockClock

from krt.cluster import source
from krt.cluster.access import http_client, load_access
from krt.cluster.secured import Material, context_of
from krt.dev.cluster import deployment
from krt.errors import ClusterUnavailable
from tests.fakes.calls import Calls
from tests.fakes.stand_in import key, write_kubeconfig
from tests.fakes.tls_front import tls_front

NAME = "kubernetes.test"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture(scope="module")
def files(authority, tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(directory / "ca.crt")
    mine = authority.issue_cert("krt@example.test", key_type=trustme.KeyType.ECDSA)
    mine.cert_chain_pems[0].write_to_path(directory / "krt.crt")
    mine.private_key_pem.write_to_path(directory / "krt.key")
    return directory


@pytest.fixture
async def front(stand_in, authority):
    """The port of a TLS front that asks for a certificate of the same authority; its own is for NAME alone."""
    stand_in.cluster.tokens = None
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME, key_type=trustme.KeyType.ECDSA).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    async with tls_front(int(stand_in.url.rpartition(":")[2]), context) as port:
        yield port


@asynccontextmanager
async def api_of(directory, cluster, user):
    server, credentials = load_access(write_kubeconfig(directory, cluster, user))
    async with http_client(server, connections=2) as client:
        yield Calls(client, credentials)


@pytest.mark.parametrize(
    ("cluster", "reads"),
    [
        ({"server": "https://a", "certificate-authority": "ca.crt"}, 0),
        ({"server": "https://a", "certificate-authority": "ca.crt", "proxy-url": "http://b"}, 0),
        ({"server": "https://a", "certificate-authority": "ca.crt", "proxy-url": "https://b"}, 1),
        ({"server": "https://a"}, 1),
        ({"server": "http://a"}, 0),
    ],
    ids=["own-authority", "proxy", "https-proxy", "the-systems", "plain"],
)
def test_the_systems_authorities_are_read_where_they_are_needed(cluster, reads, files, tmp_path, monkeypatch):
    """Each reading takes 20 ms. Seen to fail in each row: every start of krt read them two or three times."""
    seen, read = [], ssl.SSLContext.load_default_certs
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *asked: [seen.append(asked), read(*asked)])
    (tmp_path / "ca.crt").write_bytes((files / "ca.crt").read_bytes())
    server, _ = load_access(write_kubeconfig(tmp_path, cluster, {"token": "first"}))
    http_client(server, connections=2)
    assert len(seen) == reads


@pytest.mark.parametrize("material", [Material(), Material(verify=False)])
def test_a_context_verifies_as_strictly_as_pythons_own(material):
    assert context_of(material).verify_flags == ssl.create_default_context().verify_flags


def inline(file):
    return base64.b64encode(file.read_bytes()).decode()


def the_cluster(files, port, **changes):
    whole = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority": str(files / "ca.crt"),
        "tls-server-name": NAME,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def the_user(files):
    return {"client-certificate": str(files / "krt.crt"), "client-key": str(files / "krt.key")}


async def test_a_client_certificate_an_authority_and_another_name_are_enough(stand_in, tmp_path, files, front):
    async with api_of(tmp_path, the_cluster(files, front), the_user(files)) as api:
        assert (await api.read(key("web"))).key == key("web")
    assert stand_in.seen[0].authorization is None


async def test_all_of_it_may_stand_in_the_kubeconfig_itself(tmp_path, files, front):
    cluster = the_cluster(
        files, front, **{"certificate-authority": ..., "certificate-authority-data": inline(files / "ca.crt")}
    )
    user = {
        "client-certificate-data": inline(files / "krt.crt"),
        "client-key-data": inline(files / "krt.key"),
    }
    async with api_of(tmp_path, cluster, user) as api:
        assert (await api.read(key("web"))).key == key("web")


UNTRUSTED = {
    "the name of the URL": {"tls-server-name": ...},
    "another name": {"tls-server-name": "other.test"},
    "no authority": {"certificate-authority": ...},
}


@pytest.mark.parametrize("name", UNTRUSTED)
async def test_a_server_that_proves_nothing_is_told_nothing(stand_in, tmp_path, files, front, name):
    cluster = the_cluster(files, front, **UNTRUSTED[name])
    async with api_of(tmp_path, cluster, the_user(files) | {"token": "first"}) as api:
        with pytest.raises(ClusterUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await api.read(key("web"))
    assert stand_in.seen == []


async def test_without_krts_certificate_the_server_does_not_let_it_in(stand_in, tmp_path, files, front):
    async with api_of(tmp_path, the_cluster(files, front), {"token": "first"}) as api:
        with pytest.raises(ClusterUnavailable):
            await api.read(key("web"))
    assert stand_in.seen == []


async def test_only_a_kubeconfig_that_says_so_turns_verification_off(tmp_path, files, front):
    changes = {"certificate-authority": ..., "tls-server-name": ..., "insecure-skip-tls-verify": True}
    async with api_of(tmp_path, the_cluster(files, front, **changes), the_user(files)) as api:
        assert (await api.read(key("web"))).key == key("web")


async def test_in_a_pod_its_own_account_is_enough_and_its_token_is_read_anew(
    stand_in, monkeypatch, authority, files, clock: MockClock
):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    stand_in.cluster.tokens = {"first", "second"}
    async with tls_front(int(stand_in.url.rpartition(":")[2]), context) as port:
        account = stand_in.token_file.parent
        (account / "ca.crt").write_bytes((files / "ca.crt").read_bytes())
        monkeypatch.setattr(source, "ACCOUNT", account)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))
        server, credentials = load_access(None)
        async with http_client(server, connections=2) as client:
            api = Calls(client, credentials)
            await api.read(key("web"))
            stand_in.token_file.write_text("second\n")
            clock.jump(60)
            await api.read(key("web"))
    assert [seen.authorization for seen in stand_in.seen] == ["Bearer first", "Bearer second"]


async def test_the_proxy_of_the_kubeconfig_is_on_the_way(tmp_path):
    asked = []

    async def proxy(stream):
        asked.append((await stream.receive_some()).partition(b"\r\n")[0])

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, proxy, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        cluster = {"server": "https://kubernetes.test:6443", "proxy-url": f"http://127.0.0.1:{port}"}
        async with api_of(tmp_path, cluster, {"token": "first"}) as api:
            with pytest.raises(ClusterUnavailable):
                await api.read(key("web"))
        nursery.cancel_scope.cancel()
    assert asked == [b"CONNECT kubernetes.test:6443 HTTP/1.1"]
