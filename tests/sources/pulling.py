"""Pulls and pushes as `krt` does them, with everything that a caller gives."""

import ssl

from krt.core.bundle.pack import PackedImage
from krt.proxies import Proxies
from krt.secret import Secret
from krt.sources.docker_config import RegistryLogin
from krt.sources.pull import PulledBundle, pull
from krt.sources.push import push
from krt.sources.reference import parse_reference
from krt.sources.registry import open_registry

NO_PROXIES = Proxies("", "", ())


def a_login(user: str = "robot", password: str = "correct horse") -> RegistryLogin:
    return RegistryLogin(user, Secret(password))


async def pulled(text: str, login: RegistryLogin | None = None, verify: ssl.SSLContext | None = None) -> PulledBundle:
    reference = parse_reference(text)
    context = verify or ssl.create_default_context()
    async with open_registry(reference, login, verify=context, proxies=NO_PROXIES) as registry:
        return await pull(registry, reference)


async def pushed(
    text: str, image: PackedImage, login: RegistryLogin | None = None, verify: ssl.SSLContext | None = None
) -> None:
    reference = parse_reference(text)
    context = verify or ssl.create_default_context()
    async with open_registry(reference, login, verify=context, proxies=NO_PROXIES) as registry:
        await push(registry, reference, image)
