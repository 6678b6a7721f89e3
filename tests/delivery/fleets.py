"""A fleet of two real API servers behind proxies that count, and modules in a real registry, for `krt bundle`."""

import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from krt.cli.main import main
from tests.apiserver.server import ApiServer
from tests.delivery.commands import Done
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.process import Process, process
from tests.registry.server import RegistryServer

_numbers = itertools.count(1)

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {flag: '%s'}\n"
SECRET = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: auth}\nstringData: {password: %s}\n"
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  progressDeadlineSeconds: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: ghcr.io/acme/web}]}
"""
WIDGETS = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.fleet.example.io}
spec:
  group: fleet.example.io
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: fleet.example.io/v1
kind: Widget
metadata: {name: round}
spec: {size: 7}
"""
MODULES = {
    "config:1": CONFIG % "one" + SECRET % "hunter22",
    "config:2": CONFIG % "two" + SECRET % "correct-horse",
    "config:3": CONFIG % "two",
    "web:1": WEB % (1, 600),
    "web:2": WEB % (2, 600),
    "web:late": WEB % (1, 1),
    "note:1": (CONFIG % "note").replace("name: app", "name: note"),
    "widget:1": WIDGETS,
    "shop:main": CONFIG.replace("app", "shop") % "main",
    "shop:1.4.0": CONFIG.replace("app", "shop") % "1.4.0",
}
CLUSTER = {  # group and context, in this order
    "zeta": ("staging", "one"),
    "alpha": ("staging", "two"),
    "prod-2": ("production", "two"),
    "prod-1": ("production", "one"),
}
CLUSTERS = "".join(
    f'clusters: "{name}": {{group: "{group}", kubeContext: "{context}"}}\n'
    for name, (group, context) in CLUSTER.items()
)


def push_modules(registry: RegistryServer, folder: Path) -> str:
    """Push every module. Returns the start of their references."""
    base = f"{registry.host}/fleet-{next(_numbers)}"
    for name, text in MODULES.items():
        manifests = folder / name.replace(":", "-") / "manifests"
        manifests.mkdir(parents=True)
        (manifests / "all.yaml").write_text(text)
        assert main(["artifact", "push", str(manifests.parent), f"{base}/{name}"]) == 0
    return base


@dataclass
class Fleet:
    """`servers` and `proxies` have one for each context. `base` is the start of the modules' references."""

    servers: dict[str, ApiServer]
    proxies: dict[str, HttpsProxy]
    base: str
    folder: Path
    name: str = field(default_factory=lambda: f"fleet-{next(_numbers)}")

    def __post_init__(self) -> None:
        entries: dict[str, list[Any]] = {"clusters": [], "users": [], "contexts": []}
        for name, server in self.servers.items():
            proxy, token = self.proxies[name], server.control_plane.credentials.admin_token
            cluster = {"server": proxy.url, "certificate-authority": str(proxy.ca_file)}
            entries["clusters"].append({"name": name, "cluster": cluster})
            entries["users"].append({"name": name, "user": {"token": token}})
            entries["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "one", **entries}
        self.kubeconfig = self.folder / "fleet.kubeconfig"
        self.kubeconfig.write_text(json.dumps(config))

    def namespace(self, cluster: str) -> str:
        return f"{self.name}-{cluster}"

    def adapted(self, text: str) -> str:
        """A text of docs/fleet.md with the names of these servers and of this registry."""
        for name, context in (("kind-staging-1", "one"), ("kind-production-1", "two")):
            text = text.replace(f"https://{name}.example", self.proxies[context].url).replace(name, context)
        return text.replace("ghcr.io/acme/modules", self.base)

    def title(self, cluster: str) -> str:
        """The cluster as the first line names it."""
        group, context = CLUSTER[cluster]
        return f"cluster {cluster}, group {group}, context {context}, server {self.proxies[context].url}"

    def instance(self, name: str, module: str, namespace: str = "") -> str:
        """An instance in the cluster's own namespace."""
        repository, _, version = module.partition(":")
        pinned = f'version: "{version}"' if version else ""
        place = namespace or f"{self.name}-\\(_cluster)"
        where = f'module: {{url: "oci://{self.base}/{repository}", {pinned}}}'
        return f'"{name}": {{{where}, namespace: "{place}"}}\n'

    def write(self, *instances: str, values: str = "", clusters: str = CLUSTERS, more: str = "") -> None:
        """Write the runtime and the bundle."""
        head = 'apiVersion: "v1alpha1"\n'
        (self.folder / "runtime.cue").write_text(
            f'runtime: {{\n{head}name: "fleet"\n{clusters}\nvalues: [{values}]\n}}'
        )
        named = '_cluster: *"alone" | string @timoni(runtime:string:TIMONI_CLUSTER_NAME)\n'
        body = f'{head}name: "{self.name}"\ninstances: {{\n{"".join(instances)}}}\n'
        (self.folder / "bundle.cue").write_text(f"bundle: {{\n{named}{body}{more}}}\n")

    async def run(self, action: str, *flags: str, runtime: bool = True, **environ: str) -> Done:
        """`krt bundle ACTION` to its end."""
        async with self.running(action, *flags, runtime=runtime, **environ) as running:
            return Done(await running.ended(), running.out, running.err)

    @asynccontextmanager
    async def running(self, action: str, *flags: str, runtime: bool = True, **environ: str) -> AsyncIterator[Process]:
        """`krt bundle ACTION` until the end of the block. Counts requests from now on."""
        for proxy in self.proxies.values():
            proxy.faults.requests.clear()
        files = ["-f", str(self.folder / "bundle.cue")]
        files += ["--runtime", str(self.folder / "runtime.cue")] if runtime else []
        words = ("bundle", action, *files, "--kubeconfig", str(self.kubeconfig), *flags)
        async with process(*words, environ={"HOME": str(self.folder), **environ}) as running:
            yield running

    def writes(self, *contexts: str) -> list[str]:
        """The requests to these contexts (none: all) that could have changed something."""
        asked = [each for name in contexts or self.proxies for each in self.proxies[name].faults.requests]
        return [str(each) for each in asked if each.method != "GET" and "dryRun" not in each.target]

    def writes_in(self, cluster: str) -> list[str]:
        """Those that named the cluster's own namespace."""
        return [each for each in self.writes() if re.search(rf"namespaces/{self.namespace(cluster)}(/|\?|$)", each)]

    async def versions(self, context: str, namespace: str) -> dict[str, str]:
        """The resource version of each ConfigMap, Secret and Deployment of a namespace."""
        found = {}
        for path in ("/api/v1", "/api/v1", "/apis/apps/v1"):
            for kind in ("configmaps", "secrets") if path == "/api/v1" else ("deployments",):
                listed = await self.servers[context].request("GET", f"{path}/namespaces/{namespace}/{kind}")
                found |= {
                    f"{kind}/{its['metadata']['name']}": its["metadata"]["resourceVersion"] for its in listed["items"]
                }
        return {name: version for name, version in found.items() if name != "configmaps/kube-root-ca.crt"}
