"""The credentials for a registry that `docker login` has kept on this machine."""

from collections.abc import Mapping
from pathlib import Path

from krt.files import read_file
from krt.sources.docker_config import MOST_BYTES, DockerConfig, DockerConfigInvalid, RegistryLogin


def registry_login(environ: Mapping[str, str], host: str) -> tuple[RegistryLogin | None, str]:
    """The login for the registry if there is one, and the end of a refusal, which explains a missing login.

    Raises ValueError for a file that cannot be read.
    """
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "~")).expanduser() / ".docker")
    file = folder / "config.json"
    if not file.exists():
        return None, f"; there is no {file}, which `docker login {host}` writes"
    try:
        config = DockerConfig(read_file(file, most_bytes=MOST_BYTES))
        login = config.login_of(host)
    except DockerConfigInvalid as error:
        raise ValueError(f"{file} {error}") from None
    helper = config.helper_of(host)
    return login, f"; {file} keeps credentials in {helper}, which krt does not run" if helper and not login else ""
