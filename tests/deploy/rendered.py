"""The manifests of deploy/kubernetes as the real kubectl renders them, and what tests ask of them."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.apiserver.binaries import program
from tests.apiserver.objects import Object

DEPLOY = Path(__file__).parents[2] / "deploy"
OVERLAYS = ("one-namespace", "all-namespaces", "external-valkey")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one overlay makes."""

    folder: Path
    objects: tuple[Object, ...]

    def of(self, kind: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        """By the name that it was given, before the hash that kustomize adds."""
        found = [each for each in self.of(kind) if _is_named(each, name)]
        assert len(found) == 1, f"{len(found)} of {kind} {name}"
        return found[0]

    def settings(self, role: str) -> dict[str, str]:
        """The variables of krt web or worker."""
        return dict(self.one("ConfigMap", f"krt-{role}")["data"])

    def pods(self) -> Iterator[tuple[str, Object]]:
        """The name of whatever makes pods, and their spec."""
        for each in (*self.of("Deployment"), *self.of("StatefulSet")):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def render(folder: Path) -> Rendered:
    """Raises CalledProcessError."""
    command = [str(program("kubectl")), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return Rendered(folder, tuple(yaml.safe_load_all(done.stdout)))


@dataclass(frozen=True, slots=True)
class Variant:
    """An overlay as it is, or edited as its comments and docs/deployment.md say."""

    overlay: str
    components: tuple[str, ...] = ()
    namespace: str = "krt"

    def __str__(self) -> str:
        own = () if self.namespace == "krt" else (f"in-{self.namespace}",)
        return "-".join((self.overlay, *self.components, *own))

    def folder(self, scratch: Path) -> Path:
        """Where its kustomization.yaml is: in deploy/ itself, or in an edited copy of it."""
        if self == Variant(self.overlay):
            return DEPLOY / "kubernetes" / "overlays" / self.overlay
        shutil.copytree(DEPLOY, scratch / "deploy")
        copy = scratch / "deploy" / "kubernetes" / "overlays" / self.overlay
        for file in copy.rglob("kustomization.yaml"):
            file.write_text(self._edited(file.read_text()))
        return copy

    def _edited(self, text: str) -> str:
        for component in self.components:
            text = text.replace(f"# - ../../components/{component} ", f"- ../../components/{component} ")
        return text.replace("namespace: krt\n", f"namespace: {self.namespace}\n")


PLAIN = tuple(Variant(name) for name in OVERLAYS)
EVERYTHING = Variant("all-namespaces", components=("kinds", "bundles", "events"))


def _is_named(document: Object, name: str) -> bool:
    found = document["metadata"]["name"]
    return bool(found == name or (found.startswith(f"{name}-") and len(found) == len(name) + 11))
