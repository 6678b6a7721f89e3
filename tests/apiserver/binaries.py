"""Where the programs of a real control plane are, which of them are missing, and what fills their folder."""

import os
from pathlib import Path

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
FILL_COMMAND = "tests/apiserver/build"


def program(name: str) -> Path:
    """Path of one of PROGRAMS, there or not. Folder and variable are those of Kubernetes' own envtest."""
    return Path(os.environ.get("KUBEBUILDER_ASSETS") or "/usr/local/kubebuilder/bin") / name


def missing_programs() -> tuple[str, ...]:
    return tuple(name for name in PROGRAMS if not os.access(program(name), os.X_OK))
