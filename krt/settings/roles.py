"""The settings of each role."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from krt.settings.parts import (
    Admin,
    Admission,
    ClusterSettings,
    ControllerSettings,
    Kubernetes,
    Process,
    ValkeySettings,
    Web,
)
from krt.settings.table import OF_OTHERS, Setting, SettingsPart, settings_of
from krt.settings.values import (
    switch,
)

ROLES = ("web", "worker", "controller", "all")
TITLES: Mapping[type[SettingsPart], str] = {
    Process: "Process",
    ValkeySettings: "Valkey",
    Admission: "Images",
    Web: "Web",
    Kubernetes: "API server",
    ClusterSettings: "Worker",
    ControllerSettings: "Controller",
    Admin: "Admin listener",
}
PARTS_OF: Mapping[str, tuple[type[SettingsPart], ...]] = {
    "web": (Process, ValkeySettings, Admission, Web, Admin),
    "worker": (Process, ValkeySettings, Admission, Kubernetes, ClusterSettings, Admin),
    "controller": (Process, Kubernetes, ControllerSettings, Admin),
    "all": (Process, ValkeySettings, Admission, Web, Kubernetes, ClusterSettings, ControllerSettings, Admin),
}
_DEFAULTS: Mapping[str, Mapping[str, str]] = {  # so that all roles fit in one pod
    "worker": {"KRT_ADMIN_ADDR": ":8082"},
    "controller": {"KRT_ADMIN_ADDR": ":8083"},
    "all": {"KRT_CONTROLLERS": ""},  # no installation needs new rights
}


def rows(role: str) -> dict[type[SettingsPart], dict[str, Setting]]:
    """The settings of a role, by part and field, with this role's defaults."""
    return {part: {name: _of_role(row, role) for name, row in settings_of(part).items()} for part in PARTS_OF[role]}


def known_variables() -> frozenset[str]:
    """Every variable that may be set. Any other one that begins with KRT_ is a mistake."""
    return frozenset(row.variable for part in rows("all").values() for row in part.values()) | OF_OTHERS


def _of_role(row: Setting, role: str) -> Setting:
    if row.variable == "DEV_MODE" and role != "all":
        return replace(row, parse=_refusing_dev(role))
    return replace(row, default=_DEFAULTS.get(role, {}).get(row.variable, row.default))


def _refusing_dev(role: str) -> Callable[[str], bool]:
    def read(text: str) -> bool:
        if switch(text):
            raise ValueError(
                f"krt {role} never runs without checking signatures; "
                "`krt all --dev` embeds an issuer whose tokens it checks"
            )
        return False

    return read
