"""A Bundle document: the instances of modules that a cluster shall have. Pure.

Reference: the schema `#Bundle` of Timoni's manual, https://timoni.sh/bundle/.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from krt.core.announce import image
from krt.core.cue.result import JsonValue
from krt.core.fleet.refusals import FleetInvalid
from krt.core.fleet.runtime import API_VERSION
from krt.secret import Secret

MOST_INSTANCES = 1_000

_NAME = re.compile(r"([a-z0-9]([-a-z0-9_]*[a-z0-9])?)")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_NAME = 63
_SCHEME = "oci://"
_BUNDLE_FIELDS = {"apiVersion", "name", "instances"}
_INSTANCE_FIELDS = {"module", "namespace", "values"}
_MODULE_FIELDS = {"url", "version", "digest"}


@dataclass(frozen=True, slots=True)
class Module:
    """A module in an OCI registry: `url` without `oci://`; version and digest, each "" if it is not given."""

    url: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Instance:
    """A module with its values, under a name and in a namespace.

    `secrets` are the texts out of Secrets and of the environment that may be a part of the values.
    """

    name: str
    namespace: str
    module: Module
    values: JsonValue = field(repr=False)
    secrets: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetBundle:
    """A bundle. The instances stand in the order of their definition."""

    name: str
    instances: tuple[Instance, ...]


def read_bundle(
    value: JsonValue, unordered: frozenset[tuple[str | int, ...]] = frozenset(), secrets: tuple[Secret, ...] = ()
) -> FleetBundle:
    """The bundle of a document's value. Raises FleetInvalid with every problem; no problem quotes a value.

    `unordered` has the paths of structs whose fields have no certain order. `secrets` become those of each instance.
    """
    bundle = value.get("bundle") if isinstance(value, dict) else None
    if not isinstance(bundle, dict):
        raise FleetInvalid("the document has no field bundle that is a struct")
    problems = list(_problems(bundle))
    instances = bundle.get("instances")
    found = list[Instance]()
    for name, fields in instances.items() if isinstance(instances, dict) else ():
        where = f"bundle.instances.{name[:_MOST_NAME]}"
        wrong = list(_instance_problems(where, name, fields))
        problems += wrong
        if not wrong:
            found.append(_instance(name, fields, secrets))
    if ("bundle", "instances") in unordered and len(found) > 1:
        problems.append("bundle.instances: their order is not certain: write all into one struct, without for and if")
    if problems:
        raise FleetInvalid(*problems)
    return FleetBundle(str(bundle["name"]), tuple(found))


def _problems(bundle: dict[str, JsonValue]) -> Iterator[str]:
    if bundle.get("apiVersion") != API_VERSION:
        yield f"bundle.apiVersion is required, and must be {API_VERSION}"
    if not _is_name(bundle.get("name"), _NAME):
        yield f"bundle.name is required: a text that matches {_NAME.pattern}, of at most {_MOST_NAME} characters"
    instances = bundle.get("instances")
    if not isinstance(instances, dict) or not 0 < len(instances) <= MOST_INSTANCES:
        yield f"bundle.instances is required: a struct of 1 to {MOST_INSTANCES} instances"
    yield from _strangers("bundle", bundle, _BUNDLE_FIELDS)


def _strangers(where: str, fields: dict[str, JsonValue], known: set[str]) -> Iterator[str]:
    """A misspelt `values` or `version` would otherwise be the module's defaults, or its latest version."""
    for name in fields.keys() - known:
        yield f"{where}.{name[:_MOST_NAME]} is no field that it can have: these are {', '.join(sorted(known))}"


def _is_name(value: JsonValue, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and bool(pattern.fullmatch(value)) and len(value) <= _MOST_NAME


def _instance_problems(where: str, name: str, fields: JsonValue) -> Iterator[str]:
    if not _is_name(name, _NAME):
        yield f"{where}: its name must match {_NAME.pattern}, and have at most {_MOST_NAME} characters"
    if not isinstance(fields, dict):
        yield f"{where} must be a struct"
        return
    if not _is_name(fields.get("namespace"), _NAMESPACE):
        yield f"{where}.namespace is required: the name of a namespace"
    if not isinstance(fields.get("values", {}), dict):
        yield f"{where}.values must be a struct"
    yield from _strangers(where, fields, _INSTANCE_FIELDS)
    module = fields.get("module")
    if isinstance(module, dict):
        yield from _module_problems(f"{where}.module", module)
    else:
        yield f"{where}.module is required: a struct"


def _module_problems(where: str, module: dict[str, JsonValue]) -> Iterator[str]:
    url = module.get("url")
    if not isinstance(url, str) or not url.startswith(_SCHEME) or len(url) == len(_SCHEME):
        yield f"{where}.url is required: a text that begins with {_SCHEME}"
    else:
        yield from _url_problems(where, url.removeprefix(_SCHEME))
    version = module.get("version", "")
    if version != "" and not (isinstance(version, str) and image.is_tag(version)):
        yield f"{where}.version must be a tag of an image: at most 128 letters, digits and the characters _ . -"
    digest = module.get("digest", "")
    if digest != "" and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        yield f"{where}.digest must be sha256: and 64 hexadecimal digits"
    yield from _strangers(where, module, _MODULE_FIELDS)


def _url_problems(where: str, name: str) -> Iterator[str]:
    if "@" in name or image.split_tag(name)[1] is not None:
        yield f"{where}.url has a tag or a digest: write it into the field version or digest"
        return
    try:
        image.complete(name)
    except ValueError as error:
        yield f"{where}.url is no name in a registry: {error}"


def _instance(name: str, fields: JsonValue, secrets: tuple[Secret, ...]) -> Instance:
    assert isinstance(fields, dict)
    module = fields["module"]
    assert isinstance(module, dict)
    url = str(module["url"]).removeprefix(_SCHEME)
    found = Module(url, str(module.get("version", "")), str(module.get("digest", "")))
    return Instance(name, str(fields["namespace"]), found, fields.get("values", {}), secrets)
