"""The settings of `krt explain`: only those that decide which workloads a worker sees and which images it admits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from krt.core.caller.patterns import ImagePattern
from krt.core.caller.policy import Rule
from krt.errors import SettingsInvalid
from krt.settings.parts import Admission, ClusterSettings, Kubernetes
from krt.settings.roles import known_variables
from krt.settings.table import SettingsReader, row_of, settings_of


@dataclass(frozen=True, slots=True)
class Lookup:
    """The settings of a worker's view.

    If `kubeconfig` is None, kubectl's own file counts, else the pod's service account. If `policy` and `images` are
    both None, the worker's policy is unknown, and the explanation leaves it out.
    """

    kubeconfig: Path | None = row_of(
        Kubernetes,
        "kubeconfig",
        help="a kubeconfig file, or several as kubectl takes them; empty: ~/.kube/config, "
        "else the pod's service account",
    )
    namespaces: tuple[str, ...] = row_of(ClusterSettings, "namespaces")
    kinds: tuple[str, ...] = row_of(ClusterSettings, "kinds")
    require_opt_in: bool = row_of(ClusterSettings, "require_opt_in")
    policy: tuple[Rule, ...] | None = row_of(
        Admission, "policy", help="the worker's file of rules that say which images it restarts (docs/policy.md)"
    )
    images: tuple[ImagePattern, ...] | None = row_of(
        Admission, "images", help="the image, or the registry path above the images, that the worker restarts"
    )


def load_lookup(flags: Mapping[str, str], environ: Mapping[str, str]) -> Lookup:
    """Read the settings. `flags` maps flag names to values. Raises SettingsInvalid with every problem."""
    reader = SettingsReader(flags, environ, rows={Lookup: settings_of(Lookup)}, known=known_variables())
    lookup = reader.read(Lookup)
    if lookup is None or reader.problems:
        raise SettingsInvalid(tuple(reader.problems))
    return lookup
