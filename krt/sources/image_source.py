"""Fetches the image of a bundle: its digest and its files, with the pull secret that the bundle names."""

from krt.core.rukpak.source import ImageSource
from krt.sources.access import SourceAccess
from krt.sources.cache import BundleCache
from krt.sources.docker_config import DockerConfig, DockerConfigInvalid, RegistryLogin
from krt.sources.errors import SourceRefused
from krt.sources.fetched import FetchedBundle
from krt.sources.pull import read_image, resolve
from krt.sources.reference import RegistryReference, parse_reference
from krt.sources.registry import open_registry
from krt.sources.way import Way

_KEY = ".dockerconfigjson"


async def fetch_image(
    source: ImageSource, pinned: str, access: SourceAccess, way: Way, cache: BundleCache
) -> FetchedBundle:
    """The image's files. `pinned` is `sha256:…` or `name@sha256:…`, or "" to take the reference as it is.

    Raises SourceRefused, SourceDenied and SourceUnavailable.
    """
    named = parse_reference(source.ref)
    digest = pinned.rpartition("@")[2] or named.digest
    if digest and (found := cache.get(_url(named, digest))):
        return found
    wanted = parse_reference(f"{named.name}@{digest}") if digest else named
    async with way.turn():
        return await _asked(wanted, await _login(source.pull_secret, wanted.host, access), way, cache)


async def _asked(wanted: RegistryReference, login: RegistryLogin | None, way: Way, cache: BundleCache) -> FetchedBundle:
    async with open_registry(wanted, login, verify=way.verify, proxies=way.proxies, attempts=1) as registry:
        digest, manifest = await resolve(registry, wanted)
        url = _url(wanted, digest)
        if found := cache.get(url):
            return found
        files = await read_image(registry, wanted, manifest)
        return FetchedBundle(f"{wanted.name}@{digest}", url, files.of_bundle())


def _url(reference: RegistryReference, digest: str) -> str:
    return f"oci://{reference.name}@{digest}"


async def _login(secret: str, host: str, access: SourceAccess) -> RegistryLogin | None:
    if not secret:
        return None
    content = (await access.secret(secret)).get(_KEY)
    if content is None:
        raise SourceRefused(f"Secret {secret} has no key {_KEY}: a pull secret is of the type kubernetes.io/{_KEY[1:]}")
    try:
        return DockerConfig(content).login_of(host)
    except DockerConfigInvalid as error:
        raise SourceRefused(f"Secret {secret} {error}") from None
