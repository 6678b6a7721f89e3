"""The kubeconfig of the person or job that runs a command, as kubectl finds it."""

import os
from collections.abc import Mapping
from pathlib import Path

from krt.cli.publication import MISSING, expanded, why_unusable


def users_kubeconfig(flag: str | None, environ: Mapping[str, str]) -> Path | None:
    """The kubeconfig by --kubeconfig, KUBECONFIG or in ~/.kube, or None without any of them.

    It is one path, or several with `os.pathsep` between them. Raises ValueError if there is no such file.
    """
    for name, given in (("--kubeconfig", flag), ("KUBECONFIG", environ.get("KUBECONFIG"))):
        if given:
            path = Path(os.pathsep.join(str(expanded(each)) for each in given.split(os.pathsep) if each))
            if problem := why_unusable(path):
                raise ValueError(f"{name}: {path} {problem}")
            return path
    path = Path(environ.get("HOME", "~")).expanduser() / ".kube" / "config"
    problem = why_unusable(path)
    if problem not in {"", MISSING}:
        raise ValueError(f"{path} {problem}")
    return None if problem else path
