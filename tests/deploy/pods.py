"""The pods of an overlay as processes of this machine: their own arguments, settings, files and secrets.

Only places differ: ports, folders, who signs the tokens, and how the name `valkey` resolves.
"""

import base64
import os
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import yaml

from krt.dev.embed import Embedded, embedded
from krt.dev.valkey import server_binary
from tests.apiserver.binaries import program
from tests.apiserver.objects import Object
from tests.apiserver.processes import Process
from tests.deploy.rendered import DEPLOY, Rendered, Variant, render
from tests.fakes.ports import free_ports
from tests.fakes.tls_front import tls_front
from tests.fault.krt_process import Krt

# Where cluster DNS would answer. Read by Python at its start, from PYTHONPATH.
_RESOLVER = """
import socket
_ask = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: _ask("127.0.0.1" if host == "valkey" else host, *rest, **more)
"""


def mount(rendered: Rendered, pod: Object, folder: Path, secrets: Mapping[str, Object]) -> dict[str, Path]:
    """Write what the pod's volumes hold; where each of its mount paths is on this machine."""
    places = {}
    for at in pod["containers"][0]["volumeMounts"]:
        volume = next((each for each in pod.get("volumes", ()) if each["name"] == at["name"]), {})
        place = folder / at["mountPath"].strip("/").replace("/", "-")
        place.mkdir(parents=True)
        for name, content in _files(rendered, volume, secrets).items():
            (place / name).write_bytes(content)
            (place / name).chmod(0o440)
        places[at["mountPath"]] = place
    return places


def moved(text: str, places: Mapping[str, Path]) -> str:
    """The text with those paths in it replaced, the longest first."""
    for path in sorted(places, key=len, reverse=True):
        text = text.replace(path, str(places[path]))
    return text


def made_secrets(script: Path = DEPLOY / "kubernetes" / "valkey" / "secrets") -> dict[str, Object]:
    """What deploy/kubernetes/valkey/secrets prints, by name."""
    path = f"{program('kubectl').parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run([str(script)], env={"PATH": path}, capture_output=True, text=True, check=True)
    return {each["metadata"]["name"]: each for each in yaml.safe_load_all(done.stdout) if each}


@asynccontextmanager
async def open_pods(rendered: Rendered, folder: Path, *, kubeconfig: Path) -> AsyncIterator[tuple[Embedded, Krt]]:
    """krt web, krt worker and their Valkey (another overlay's where this one has none), all ready; the web is given."""
    secrets = made_secrets()
    valkey = rendered if rendered.of("StatefulSet") else render(Variant("all-namespaces").folder(folder))
    async with AsyncExitStack() as stack:
        dev = await stack.enter_async_context(embedded(valkey=False, cluster=False))
        plain_port = await stack.enter_async_context(_open_valkey(valkey, folder, secrets))
        port = await stack.enter_async_context(tls_front(plain_port, _tls_of(folder / "valkey" / "etc-valkey")))
        (folder / "sitecustomize.py").write_text(_RESOLVER)
        common = {"PYTHONPATH": str(folder), "VALKEY_ADDR": f"valkey:{port}"}
        web = _krt(rendered, "web", folder, secrets, dev, {**common, "KRT_OIDC_ISSUER": dev.environ["KRT_OIDC_ISSUER"]})
        worker = _krt(rendered, "worker", folder, secrets, dev, {**common, "KUBECONFIG": str(kubeconfig)})
        for krt in (web, worker):
            stack.callback(krt.process.reap)
            stack.callback(krt.process.send_kill)
            krt.spawn()
        for krt in (web, worker):
            await krt.wait_ready()
        yield dev, web


@asynccontextmanager
async def _open_valkey(rendered: Rendered, folder: Path, secrets: Mapping[str, Object]) -> AsyncIterator[int]:
    """The port that it listens at, without TLS: this machine's program has none built in."""
    pod = dict(rendered.pods())["valkey"]
    container = pod["containers"][0]
    places = mount(rendered, pod, folder / "valkey", secrets)
    conf = places["/etc/valkey-conf"] / "valkey.conf"
    conf.chmod(0o644)
    conf.write_text(moved(conf.read_text(), places))
    (port,) = free_ports(1)
    words = [moved(word, places) for word in (*container["command"][1:], *container["args"])]
    process = Process(server_binary(), _without_tls(words, port), folder / "valkey" / "log")
    process.spawn()
    try:
        yield port
    finally:
        process.send_kill()
        process.reap()


def _without_tls(words: list[str], port: int) -> list[str]:
    first, *options = words
    assert options[:4] == ["--bind", "*", "-::*", "--port"]
    assert all(option.startswith("--tls-") for option in options[5::2])
    return [first, "--bind", "127.0.0.1", "-::1", "--port", str(port)]


def _tls_of(secret: Path) -> ssl.SSLContext:
    """What the secret makes of it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(secret / "tls.crt", secret / "tls.key")
    return context


def _krt(
    rendered: Rendered, role: str, folder: Path, secrets: Mapping[str, Object], dev: Embedded, more: Mapping[str, str]
) -> Krt:
    pod = dict(rendered.pods())[f"krt-{role}"]
    assert pod["containers"][0]["args"] == [role]
    places = mount(rendered, pod, folder / role, secrets)
    policy = places["/etc/krt"] / "krt.toml"
    policy.chmod(0o644)
    policy.write_text(policy.read_text().replace("acme@OWNER_ID", dev.environ["GITHUB_ALLOWED_ORG"]))
    settings = {name: moved(value, places) for name, value in rendered.settings(role).items()}
    return Krt(role, folder, settings | more)


def _files(rendered: Rendered, volume: Object, secrets: Mapping[str, Object]) -> dict[str, bytes]:
    match volume:
        case {"configMap": {"name": name}}:
            data = next(each for each in rendered.of("ConfigMap") if each["metadata"]["name"] == name)["data"]
            return {file: text.encode() for file, text in data.items()}
        case {"secret": {"secretName": name}}:
            return {file: base64.b64decode(text) for file, text in secrets[name]["data"].items()}
        case _:
            return {}
