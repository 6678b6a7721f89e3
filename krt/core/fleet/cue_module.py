"""A CUE module: the values of an instance over the module's own, and the objects that the program `cue` makes of both.

The layout of a module, the tags and the field `timoni.apply` are Timoni's (https://timoni.sh/module/). Pure.
"""

import re
from collections.abc import Iterator

from krt.core.bundle.manifest_files import manifests_of_values
from krt.core.bundle.tree import BundleInvalid, FileTree
from krt.core.cue.nodes import Field, Literal
from krt.core.cue.parse import parse
from krt.core.cue.refusals import CueRefused
from krt.core.cue.result import JsonValue
from krt.core.cue.strings import as_cue
from krt.core.fleet.placing import placed
from krt.core.fleet.refusals import FleetInvalid
from krt.core.kube.manifest import Manifest

VALUES_FILE = "values.cue"
APPLY_FIELD = "timoni.apply"
MOST_STEPS = 100

_MODULE_FILE = "cue.mod/module.cue"
_PACKAGE = "main"
_LANGUAGE = b'\nlanguage: version: "v0.8.0"\n'
_COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
_TAG = re.compile(r"@tag\(\s*([A-Za-z]+)")


def is_cue_module(tree: FileTree) -> bool:
    """Whether the files are a CUE module."""
    return _MODULE_FILE in tree.files


def name_of_module(tree: FileTree) -> str:
    """The module's name, such as `acme.example/shop`; "" if its file cannot be read or has none."""
    found = _field(tree, "module")
    return str(found.value.value) if found and isinstance(found.value, Literal) else ""


def files_of_module(tree: FileTree) -> dict[str, bytes]:
    """The files of the module. If it names no version of the language, krt adds v0.8.

    `cue` refuses a module without a version since v0.9 (June 2024). Timoni's modules of before have none.
    """
    if _field(tree, "language"):
        return dict(tree.files)
    return {**tree.files, _MODULE_FILE: tree.files[_MODULE_FILE] + _LANGUAGE}


def _field(tree: FileTree, name: str) -> Field | None:
    """A field of the module's file."""
    try:
        declarations = parse(tree.files[_MODULE_FILE], _MODULE_FILE).struct.declarations
    except CueRefused:
        return None
    return next((each for each in declarations if isinstance(each, Field) and each.label == name), None)


def tags_of(tree: FileTree) -> frozenset[str]:
    """The tags that the module's package takes. `cue` refuses a tag that no file has."""
    files = (content for path, content in tree.files.items() if "/" not in path and path.endswith(".cue"))
    texts = (_COMMENT.sub("", content.decode(errors="replace")) for content in files)
    return frozenset(name for text in texts for name in _TAG.findall(text))


def values_file(own: JsonValue, values: JsonValue) -> bytes:
    """The module's values.cue with the values of an instance over its own. JSON is CUE."""
    return f"package {_PACKAGE}\n\nvalues: {as_cue(merged(own, values))}\n".encode()


def merged(own: JsonValue, values: JsonValue) -> JsonValue:
    """`values` over `own`: structs by field, lists by element, as Timoni merges them.

    A list has the length of the one in `values`. Timoni cuts it to the length of the shorter.
    """
    if isinstance(own, dict) and isinstance(values, dict):
        return {**own, **{name: merged(own[name], value) if name in own else value for name, value in values.items()}}
    if isinstance(own, list) and isinstance(values, list):
        pairs = [merged(*pair) for pair in zip(own, values, strict=False)]
        return [*pairs, *values[len(pairs) :]]
    return values


def steps_of(where: str, applied: object, namespace: str) -> tuple[tuple[Manifest, ...], ...]:
    """The objects of the lists in `timoni.apply`, which are steps, in their order. Raises FleetInvalid."""
    if not isinstance(applied, dict) or not 0 < len(applied) <= MOST_STEPS:
        raise FleetInvalid(f"{where}: {APPLY_FIELD} must be a struct of 1 to {MOST_STEPS} lists of objects")
    try:
        found = manifests_of_values(_listed(applied))
        known = placed((each for step in found for each in step), namespace, may_stay=True)
    except BundleInvalid as error:
        raise FleetInvalid(f"{where}: {error}") from None
    at = iter(known)
    steps = tuple(tuple(next(at) for _ in step) for step in found)
    if not known:
        raise FleetInvalid(f"{where}: {APPLY_FIELD} has no object")
    return tuple(step for step in steps if step)


def _listed(applied: dict[str, object]) -> Iterator[tuple[str, list[object]]]:
    for name, found in applied.items():
        if not isinstance(found, list):
            raise BundleInvalid(f"{APPLY_FIELD}.{name} is not a list of objects")
        yield f"{APPLY_FIELD}.{name}", found
