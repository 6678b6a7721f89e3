"""Which proxy is on the way to the API server: the kubeconfig's, else the environment's, as krt.proxies has it.

Seen to fail with the kubernetes package's reading of HTTPS_PROXY, which asked the proxy whatever NO_PROXY said.
"""

import ssl
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trustme

from krt.cluster import source
from krt.cluster.access import http_client, load_access
from krt.cluster.workloads.survey import survey
from krt.dev.cluster import deployment
from krt.errors import ClusterUnavailable, SettingsInvalid
from tests.fakes.calls import Calls
from tests.fakes.stand_in import key, write_kubeconfig
from tests.fakes.tls_front import tls_front

SERVER = "https://kubernetes.test:6443"


@asynccontextmanager
async def a_proxy(port=None):
    """A proxy that connects to `port` of this machine whatever it is asked for, or hangs up."""
    asked = []

    async def serve(stream):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (chunk := await stream.receive_some()):
                return
            head += chunk
        asked.append(head)
        if port is None:
            return
        async with await trio.open_tcp_stream("127.0.0.1", port) as server:
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
            async with trio.open_nursery() as both:
                both.start_soon(copy, stream, server, both.cancel_scope)
                both.start_soon(copy, server, stream, both.cancel_scope)

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield f"127.0.0.1:{listener.socket.getsockname()[1]}", asked
        nursery.cancel_scope.cancel()


async def copy(here, there, scope):
    async for chunk in here:
        await there.send_all(chunk)
    scope.cancel()


@asynccontextmanager
async def api_of(kubeconfig):
    server, credentials = load_access(kubeconfig)
    async with http_client(server, connections=2) as client:
        yield Calls(client, credentials)


async def asks(kubeconfig):
    async with api_of(kubeconfig) as api:
        with pytest.raises(ClusterUnavailable):
            await api.read(key("web"))


async def test_the_environments_proxy_is_asked_for_the_api_server(tmp_path, monkeypatch):
    async with a_proxy() as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://krt:s3cret@{address}")
        await asks(write_kubeconfig(tmp_path, {"server": SERVER}, {"token": "first"}))
    assert asked[0].startswith(b"CONNECT kubernetes.test:6443 HTTP/1.1\r\n")
    assert b"first" not in asked[0]


EXEMPT = [
    ("https://10.96.0.1:1", "10.96.0.0/12"),
    ("https://[fd00::1]:1", "fd00::/8"),
    ("https://kubernetes.default.svc:1", ".svc"),
    ("https://kubernetes.test:1", "kubernetes.test:1"),
    ("https://kubernetes.test:1", "*"),
]


@pytest.mark.parametrize(("server", "no_proxy"), EXEMPT)
async def test_no_proxy_is_asked_for_what_no_proxy_names(tmp_path, monkeypatch, server, no_proxy):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", f"[::1],{{}},{no_proxy}")
    found, _ = load_access(write_kubeconfig(tmp_path, {"server": server}, {"token": "first"}))
    assert found.proxies.of(http_client(found, connections=1).base_url) is None


async def test_a_pods_own_api_server_is_asked_as_no_proxy_says(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("first")
    (tmp_path / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    monkeypatch.setattr(source, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    server, _ = load_access(None)
    url = http_client(server, connections=1).base_url
    assert server.proxies.of(url) == "http://127.0.0.1:1/"
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8, fd00::/8")
    server, _ = load_access(None)
    assert server.proxies.of(url) is None


async def test_the_kubeconfigs_proxy_is_asked_whatever_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://nowhere")
    monkeypatch.setenv("NO_PROXY", "*")
    async with a_proxy() as (address, asked):
        cluster = {"server": "https://127.0.0.1:6443", "proxy-url": f"http://krt:p%40ss@{address}"}
        await asks(write_kubeconfig(tmp_path, cluster, {"token": "first"}))
    assert asked[0].startswith(b"CONNECT 127.0.0.1:6443 HTTP/1.1\r\n")
    assert b"proxy-authorization: basic a3j0onbac3m=" in asked[0].lower()


async def test_behind_a_proxy_the_server_has_the_name_that_the_kubeconfig_gives_it(tmp_path, stand_in):
    """Seen to fail with httpx's sni_hostname, which httpcore passes over behind a proxy."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.test", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    async with tls_front(int(stand_in.url.rpartition(":")[2]), context) as port, a_proxy(port) as (address, _):
        whole = {"server": SERVER, "proxy-url": f"http://{address}", "certificate-authority": "ca.crt"}
        async with api_of(write_kubeconfig(tmp_path, whole, {"token": "first"})) as api:
            with pytest.raises(ClusterUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
                await api.read(key("web"))
        whole["tls-server-name"] = "other.test"
        async with api_of(write_kubeconfig(tmp_path, whole, {"token": "first"})) as api:
            assert (await api.read(key("web"))).key == key("web")


async def test_an_https_proxy_is_verified_by_the_systems_authorities_alone(tmp_path, monkeypatch):
    """Those of the kubeconfig are for the cluster. Seen to fail with the context for the API server."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    async with a_proxy() as (address, asked), tls_front(int(address.rpartition(":")[2]), context) as port:
        cluster = {"server": SERVER, "certificate-authority": "ca.crt", "proxy-url": f"HTTPS://127.0.0.1:{port}"}
        kubeconfig = write_kubeconfig(tmp_path, cluster, {"token": "first"})
        await asks(kubeconfig)
        assert asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
        await asks(kubeconfig)
    assert asked[0].startswith(b"CONNECT kubernetes.test:6443 HTTP/1.1\r\n")


async def test_a_proxy_that_cannot_be_used_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://krt:s3cret@proxy:1080")
    path = write_kubeconfig(tmp_path, {"server": SERVER}, {"token": "first"})
    with pytest.raises(SettingsInvalid, match=r"HTTPS_PROXY .* names a SOCKS proxy") as refused:
        await survey(path, kinds=("Deployment",), namespaces=())
    assert "s3cret" not in str(refused.value)
    monkeypatch.setenv("NO_PROXY", "kubernetes.test")
    load_access(path)
