"""Builds the objects of an instance of a CUE module with the program `cue`."""

import json
import re
from collections.abc import Mapping, Sequence
from math import isinf

from krt.core.cue.result import JsonValue
from krt.core.fleet.bundle import Instance
from krt.core.fleet.cue_module import APPLY_FIELD, VALUES_FILE, files_of_module, steps_of, tags_of, values_file
from krt.core.fleet.refusals import FleetInvalid
from krt.core.kube.manifest import Manifest
from krt.delivery.cue_program import INSTALL, CueProgram, CueProgramFailed
from krt.delivery.cue_words import sentence_of
from krt.delivery.module_pull import PulledModule

KUBE_VERSION = "1.36.0"  # for a module that is built without a cluster
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_DEVEL = "0.0.0-devel"  # Timoni's version of a module that gives itself none


async def cue_objects(
    instance: Instance, module: PulledModule, kube_version: str, program: CueProgram | None
) -> tuple[tuple[Manifest, ...], ...]:
    """The objects of the module with the instance's values, step by step. Raises FleetInvalid."""
    where = f"bundle.instances.{instance.name}: module oci://{instance.module.url}"
    if program is None:
        raise FleetInvalid(f"{where} is a CUE program: {INSTALL}")
    try:
        files = {**files_of_module(module.tree), **await _values(instance.values, module.tree.files, program)}
        tags = _tags(instance, module, kube_version)
        applied = await exported(program, files, [".", *tags, "-e", APPLY_FIELD])
    except CueProgramFailed as error:
        raise FleetInvalid(f"{where}: {sentence_of(error, instance.secrets)}") from None
    return steps_of(where, applied, instance.namespace)


async def _values(values: JsonValue, files: Mapping[str, bytes], program: CueProgram) -> dict[str, bytes]:
    """The module's values.cue with these values over its own; nothing if there are none."""
    if not values:
        return {}
    own: JsonValue = {}
    if VALUES_FILE in files:
        own = await exported(program, {VALUES_FILE: files[VALUES_FILE]}, [VALUES_FILE, "-e", "values"])
    return {VALUES_FILE: values_file(own, values)}


def _tags(instance: Instance, module: PulledModule, kube_version: str) -> list[str]:
    values = {
        "name": instance.name,
        "namespace": instance.namespace,
        "mv": module.version or instance.module.version or _DEVEL,
        "kv": _plain(kube_version) or KUBE_VERSION,
    }
    known = tags_of(module.tree)
    return [part for name, value in values.items() if name in known for part in ("-t", f"{name}={value}")]


def _plain(kube_version: str) -> str:
    """The version without what a vendor adds to it (`1.29.3-eks-a18cd3a`): modules compare its numbers."""
    found = _VERSION.match(kube_version)
    return found[0] if found else kube_version


async def exported(program: CueProgram, files: Mapping[str, bytes], arguments: Sequence[str]) -> JsonValue:
    """The decoded JSON of `cue export ARGUMENT…` in a folder with these files. Raises CueProgramFailed."""
    content = await program.export(files, ["--out", "json", *arguments])
    try:
        found: JsonValue = json.loads(content, parse_float=_float)
    except (ValueError, RecursionError):
        raise CueProgramFailed("cue prints values that are no JSON, or are nested too deeply") from None
    return found


def _float(text: str) -> float:
    """The number as JSON's readers have it. Raises CueProgramFailed for one that is infinite to them."""
    found = float(text)
    if isinf(found):
        raise CueProgramFailed("cue prints a number that is too large for JSON's readers")
    return found
