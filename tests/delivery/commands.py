"""krt's commands as processes of their own, against the real API server behind a proxy that counts, holds and fails."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.apiserver.server import ApiServer
from tests.fakes.https_proxy import HttpsProxy
from tests.fakes.process import Process, process

MODULE = "platform/k8s/runtime-bundle-secret"
SECRET = "academy-website-runtime"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@dataclass
class Desk:
    """A person's home folder with a bundle, and the commands run there. `inputs` are those of the module."""

    server: ApiServer
    namespace: str
    home: Path
    proxy: HttpsProxy
    inputs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        admin = self.server.control_plane.credentials.admin_token
        kubeconfig = self.server.kubeconfig(admin, proxy=self.proxy)
        self.bundle = self.home / "runtime-bundle.tgz"
        self.write(b"one")
        self.inputs = {
            "kubeconfig_path": str(kubeconfig),
            "namespace": self.namespace,
            "secret_name": SECRET,
            "bundle_source_path": str(self.bundle),
            "restart_targets": [],
        }

    def write(self, content: bytes) -> None:
        """Build another bundle."""
        self.bundle.write_bytes(content)

    @property
    def state(self) -> Path:
        return self.home / ".hybridops" / "envs" / "dev" / "state"

    def record_file(self, instance: str = "one") -> Path:
        return self.state / "modules" / MODULE.replace("/", "__") / "instances" / f"{instance}.json"

    def record(self, instance: str = "one") -> dict[str, Any]:
        found = json.loads(self.record_file(instance).read_text())
        assert isinstance(found, dict)
        return found

    @asynccontextmanager
    async def running(self, command: str, *more: str, instance: str = "one", **inputs: Any) -> AsyncIterator[Process]:
        """`krt apply` or `krt destroy` until the end of the block."""
        file = self.home / "inputs.yml"
        file.write_text(yaml.safe_dump(self.inputs | inputs))
        words = ("--env", "dev", "--module", MODULE, "--state-instance", instance, "--inputs", str(file))
        async with process(command, *words, *more, environ={"HOME": str(self.home)}) as run:
            yield run

    async def run(self, command: str, *more: str, instance: str = "one", **inputs: Any) -> Done:
        """The same to its end."""
        async with self.running(command, *more, instance=instance, **inputs) as run:
            return Done(await run.ended(), run.out, run.err)

    async def secret(self) -> dict[str, Any]:
        return await self.server.get("Secret", self.namespace, SECRET, "v1")

    async def restarts(self) -> Counter[str]:
        """How often each Deployment was rolled out anew: its ReplicaSets but the first."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/replicasets"
        sets = (await self.server.request("GET", path))["items"]
        every = Counter(each["metadata"]["ownerReferences"][0]["name"] for each in sets)
        return Counter({name: number - 1 for name, number in every.items()})

    def asked(self, pattern: str) -> list[str]:
        """The requests so far whose "METHOD target" the pattern finds."""
        return [str(each) for each in self.proxy.faults.requests if re.search(pattern, str(each))]

    def forget(self) -> None:
        """Count requests from now on."""
        self.proxy.faults.requests.clear()
