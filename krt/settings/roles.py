"""Which settings each role has."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from krt.settings.parts import Admin, Admission, ClusterSettings, Process, ValkeySettings, Web
from krt.settings.table import OF_OTHERS, Setting, SettingsPart, settings_of
from krt.settings.values import (
    switch,
)

ROLES = ("web", "worker", "all")
TITLES: Mapping[type[SettingsPart], str] = {
    Process: "Process",
    ValkeySettings: "Valkey",
    Admission: "Images",
    Web: "Web",
    ClusterSettings: "Worker",
    Admin: "Admin listener",
}
PARTS_OF: Mapping[str, tuple[type[SettingsPart], ...]] = {
    "web": (Process, ValkeySettings, Admission, Web, Admin),
    "worker": (Process, ValkeySettings, Admission, ClusterSettings, Admin),
    "all": (Process, ValkeySettings, Admission, Web, ClusterSettings, Admin),
}
_DEFAULTS: Mapping[str, Mapping[str, str]] = {"worker": {"KRT_ADMIN_ADDR": ":8082"}}  # a web may share its pod


def rows(role: str) -> dict[type[SettingsPart], dict[str, Setting]]:
    """The settings of a role, by part and field, as this role has them."""
    return {part: {name: _of_role(row, role) for name, row in settings_of(part).items()} for part in PARTS_OF[role]}


def known_variables() -> frozenset[str]:
    """All that may be set; any other that begins with KRT_ is a mistake."""
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
