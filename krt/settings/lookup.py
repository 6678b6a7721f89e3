"""What `krt explain` is told: those of krt worker's settings that decide what it sees, and no others."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from krt.errors import SettingsInvalid
from krt.settings.parts import Cluster
from krt.settings.roles import known_variables
from krt.settings.table import Reader, row_of, settings_of


@dataclass(frozen=True, slots=True)
class Lookup:
    """`kubeconfig` None: where kubectl would look, or the pod's own account."""

    kubeconfig: Path | None = row_of(
        Cluster, "kubeconfig", help="a kubeconfig file, or several as kubectl takes them; empty: ~/.kube/config"
    )
    namespaces: tuple[str, ...] = row_of(Cluster, "namespaces")
    kinds: tuple[str, ...] = row_of(Cluster, "kinds")
    require_opt_in: bool = row_of(Cluster, "require_opt_in")


def load_lookup(flags: Mapping[str, str], environ: Mapping[str, str]) -> Lookup:
    """Flags by their names, and variables. Raises SettingsInvalid with every problem."""
    reader = Reader(flags, environ, rows={Lookup: settings_of(Lookup)}, known=known_variables())
    lookup = reader.read(Lookup)
    if lookup is None or reader.problems:
        raise SettingsInvalid(tuple(reader.problems))
    return lookup
