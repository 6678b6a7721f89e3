"""The lock files: what they name on one Python, and what of that needs something that they do not name."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import metadata

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.installs import ROOT

_LINE = re.compile(r"^([a-z0-9][\w.-]*)==([^\s;]+)(?: *; *([^\\\n]+?))? *\\?$", re.MULTILINE)


def locked(text: str, python: str) -> dict[str, str]:
    """Name to version of what the lock's text has installed on a Linux machine with this Python, such as "3.11"."""
    found = _LINE.findall(text)
    return {canonicalize_name(name): version for name, version, marker in found if _holds(marker, python)}


def unlocked(packages: Mapping[str, str], python: str) -> list[str]:
    """What `pip check` would say on this Python. A package that is installed here in another version, or not at all, is
    passed over: what it requires stands in its own metadata."""
    return [
        f"{name} requires {requirement}"
        for name in packages
        for requirement in _requirements(name, packages[name])
        if is_missing(requirement, packages, python)
    ]


def project_requirements(*extras: str) -> list[Requirement]:
    """Of krt itself, with what these extras add."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for each in extras for line in project["optional-dependencies"][each])]
    return [Requirement(line) for line in lines if not line.startswith(project["name"])]


def is_missing(requirement: Requirement, packages: Mapping[str, str], python: str) -> bool:
    """It is wanted on this Python, whoever asks for no extra, and the lock has it not, or in another version."""
    applies = requirement.marker is None or _holds(str(requirement.marker), python)
    return applies and not _is_met(requirement, packages)


def _is_met(requirement: Requirement, packages: Mapping[str, str]) -> bool:
    version = packages.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _holds(marker: str, python: str) -> bool:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.7",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    return not marker or Marker(marker).evaluate(environment)


@cache
def _requirements(name: str, version: str) -> tuple[Requirement, ...]:
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return ()
    return tuple(map(Requirement, found.requires or ())) if found.version == version else ()
