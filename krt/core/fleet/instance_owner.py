"""The owner of an instance's objects, and the bundle that the instance belongs to. Pure.

An instance is known by its namespace and its name, as in Timoni: two bundles cannot both have it. The label of its
inventory says which bundle has it. The sentences of the refusals are Timoni's.
"""

from collections.abc import Mapping

from krt.core.delivery.ownership import Owner
from krt.core.fleet.bundle import Instance

BUNDLE = "krt/bundle"  # a label of the inventory: the name of the bundle
MODULE = "krt/module"  # an annotation of the inventory: the module's reference, with its digest
VERSION = "krt/module-version"  # an annotation of the inventory: the version that the bundle names, "" if none

_HINT = 'Apply with "--overwrite-ownership" to gain instance ownership.'


def owner_of(instance: Instance) -> Owner:
    """The owner of the instance's objects."""
    return Owner("Instance", f"{instance.namespace}/{instance.name}")


def ownership_problem(instance: Instance, bundle: str, labels: Mapping[str, str]) -> str:
    """Why `bundle` must not write the instance, whose inventory has these labels; "" if it may."""
    other = labels.get(BUNDLE, "")
    if other == bundle:
        return ""
    by = f'is managed by another bundle "{other}"' if other else "is not managed by any bundle"
    return f'instance "{instance.name}" exists and {by}. {_HINT}'
