"""Pulls the modules of a bundle from their registries."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass

from krt.core.bundle.tree import FileTree
from krt.core.fleet.bundle import Module
from krt.proxies import Proxies
from krt.sources.docker_config import RegistryLogin
from krt.sources.errors import SourceRefused
from krt.sources.image_manifest import version_of
from krt.sources.pull import read_image, resolve
from krt.sources.reference import RegistryReference, parse_reference
from krt.sources.registry import open_registry


@dataclass(frozen=True, slots=True)
class PulledModule:
    """The files of a module, the digest of the manifest that its reference names, and the version that it gives itself.

    `version` is "" if it gives none.
    """

    digest: str
    tree: FileTree
    version: str = ""


def reference_of(module: Module) -> RegistryReference:
    """The module's reference: by its version if it has one, else by its digest, else `latest`."""
    if module.version:
        return parse_reference(f"{module.url}:{module.version}")
    return parse_reference(f"{module.url}@{module.digest}" if module.digest else f"{module.url}:latest")


async def pull_module(
    module: Module, login: Callable[[str], RegistryLogin | None], *, verify: ssl.SSLContext, proxies: Proxies
) -> PulledModule:
    """The module's files. `login` gives the login for a host. Raises SourceRefused, SourceDenied, SourceUnavailable.

    If the module has a version and a digest, the version must have that digest.
    """
    reference = reference_of(module)
    async with open_registry(reference, login(reference.host), verify=verify, proxies=proxies) as registry:
        digest, manifest = await resolve(registry, reference)
        if module.digest and digest != module.digest:
            sentence = f"the upstream digest {digest} of version {module.version}"
            raise SourceRefused(f"oci://{module.url}: {sentence} doesn't match the specified digest {module.digest}")
        return PulledModule(digest, await read_image(registry, reference, manifest), version_of(manifest))
