"""Bundle and BundleDeployment on the real API server, without any krt: what it accepts, refuses and shows.

Every refusal is seen to fail without its rule: `test_only_the_rule_refuses` takes the rule out of a copy of the kinds.
"""

import copy
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.apiserver import bundles
from tests.apiserver.bundles import PLAIN, a_bundle, a_bundle_deployment, image
from tests.apiserver.objects import Object
from tests.apiserver.server import ApiServer

SEEDS_BUNDLE = """
apiVersion: core.rukpak.io/v1alpha1
kind: Bundle
metadata:
  name: my-bundle
spec:
  source:
    type: image
    image:
      ref: my-bundle@sha256:xyz123
  provisionerClassName: core-rukpak-io-plain
"""
SEEDS_DEPLOYMENT = """
apiVersion: core.rukpak.io/v1alpha1
kind: BundleDeployment
metadata:
  name: my-bundle-deployment
spec:
  provisionerClassName: core-rukpak-io-plain
  template:
    metadata:
      labels:
        app: my-bundle
    spec:
      source:
        type: image
        image:
          ref: my-bundle@sha256:xyz123
      provisionerClassName: core-rukpak-io-plain
"""
SEEDS_TAG = """
apiVersion: core.rukpak.io/v1alpha1
kind: Bundle
metadata:
  name: combo-tag-ref
spec:
  source:
    type: git
    git:
      ref:
        tag: v0.0.2
      repository: https://github.com/operator-framework/combo
  provisionerClassName: core-rukpak-io-plain
"""
SEEDS_PATCH = ("patch", "bundle", "combo-tag-ref", "--type=merge", "-p")
NEWER_TAG = '{"spec":{"source":{"git":{"ref":{"tag":"v0.0.3"}}}}}'
IMAGE = {"ref": "ghcr.io/acme/shop-bundle:main"}
REPOSITORY = "https://github.com/acme/shop"
ONE_OF = "must validate one and only one schema (oneOf)"
_numbers = itertools.count(1)


def git(ref: Object | None = None, **more: Any) -> Object:
    return {"type": "git", "git": {"repository": REPOSITORY, "ref": {"tag": "v1"} if ref is None else ref, **more}}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A source, the sentence that refuses it, and where in the schema of a source the rule for that stands."""

    name: str
    source: Object
    sentence: str
    path: tuple[str, ...]
    rule: str = ""  # of x-kubernetes-validations, by what its text begins with

    def __str__(self) -> str:
        return self.name


_DIRECTORY = ("properties", "git", "properties", "directory", "x-kubernetes-validations")
_REF = ("properties", "git", "properties", "ref", "oneOf")
_MUST = 'bundle.spec.source.{0} must be set for source type "{0}"'.format
_OUTSIDE = "directory can not start with '../' or '/'"
_DOTS = 'bundle.spec.source.git.directory contains "..": directory must define path within the repository'
REFUSALS = (
    Refusal("no source", {"type": "image"}, ONE_OF, ("oneOf",)),
    Refusal("two sources", {**git(), "image": IMAGE}, ONE_OF, ("oneOf",)),
    *(
        Refusal(f"{name} without its field", {**other, "type": name}, _MUST(name), ("x-kubernetes-validations",), rule)
        for name, other, rule in (
            ("image", git(), "self.type != 'image'"),
            ("git", {"image": IMAGE}, "self.type != 'git'"),
            ("http", {"image": IMAGE}, "self.type != 'http'"),
            ("configMaps", {"image": IMAGE}, "self.type != 'configMaps'"),
        )
    ),
    Refusal("a type of no source", {"type": "upload", "image": IMAGE}, "Unsupported value", ("properties", "type")),
    Refusal("git without a ref", git({}), ONE_OF, _REF),
    Refusal("a branch and a tag", git({"branch": "main", "tag": "v1"}), ONE_OF, _REF),
    Refusal("a tag and a commit", git({"tag": "v1", "commit": "a" * 40}), ONE_OF, _REF),
    Refusal("a directory above", git(directory="../x"), _OUTSIDE, _DIRECTORY, "!self.startsWith"),
    Refusal("a directory at the root", git(directory="/x"), _OUTSIDE, _DIRECTORY, "!self.startsWith"),
    Refusal("a directory by detours", git(directory="a/../../b"), _DOTS, _DIRECTORY, "self.startsWith"),
    Refusal("two dots alone", git(directory=".."), _DOTS, _DIRECTORY, "self.startsWith"),
)
BUILDERS = {"Bundle": a_bundle, "BundleDeployment": a_bundle_deployment}
each_kind = pytest.mark.parametrize("kind", BUILDERS)
each_refusal = pytest.mark.parametrize("refusal", REFUSALS, ids=str)


async def created(server: ApiServer, document: Object) -> str:
    """The sentence of the refusal; empty if the server would take the document."""
    path = bundles.collection(document)
    answer = await server.client.post(path, json=document, params={"dryRun": "All", "fieldValidation": "Strict"})
    return "" if answer.status_code == 201 else answer.json()["message"]


async def without(server: ApiServer, take_out: Callable[[Object], None]) -> str:
    """The apiVersion of a copy of the kinds from which a rule is taken out."""
    group = f"without-{next(_numbers)}.example.com"
    definitions = copy.deepcopy(bundles.crds())
    for each in definitions:
        each["metadata"]["name"] = f"{each['spec']['names']['plural']}.{group}"
        each["spec"]["group"] = group
        take_out(each)
    await bundles.serve(server, *definitions)
    return f"{group}/v1alpha1"


def schema(definition: Object) -> Object:
    found: Object = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def source_schema(definition: Object) -> Object:
    spec = schema(definition)["properties"]["spec"]
    if "template" in spec["properties"]:
        spec = spec["properties"]["template"]["properties"]["spec"]
    found: Object = spec["properties"]["source"]
    return found


def take_out(definition: Object, refusal: Refusal) -> None:
    *way, last = refusal.path
    where = source_schema(definition)
    for step in way:
        where = where[step]
    if refusal.rule:
        where[last] = [each for each in where[last] if not each["rule"].startswith(refusal.rule)]
    elif last == "type":
        del where[last]["enum"]
    else:
        del where[last]


def test_both_kinds_have_the_same_source() -> None:
    bundle, deployment = bundles.crds()
    assert source_schema(bundle) == source_schema(deployment)
    [resolved, also_resolved] = (schema(each)["properties"]["status"]["properties"] for each in (bundle, deployment))
    assert resolved["resolvedSource"]["properties"] == also_resolved["resolvedSource"]["properties"]
    assert resolved["conditions"] == also_resolved["conditions"]


async def test_the_documents_of_rukpak_are_accepted(bundle_server: ApiServer) -> None:
    for document in (SEEDS_BUNDLE, SEEDS_DEPLOYMENT, SEEDS_TAG):
        applied = await bundle_server.kubectl("apply", "-f", "-", "--validate=strict", stdin=document)
        assert (applied.code, applied.err) == (0, ""), applied
    assert applied.out == "bundle.core.rukpak.io/combo-tag-ref created\n"


async def test_a_changed_spec_is_refused_and_an_equal_one_is_not(bundle_server: ApiServer) -> None:
    await bundle_server.kubectl("apply", "-f", "-", stdin=SEEDS_TAG)
    refused = await bundle_server.kubectl(*SEEDS_PATCH, NEWER_TAG)
    assert refused.code == 1
    assert "bundle.spec is immutable" in refused.err
    again = await bundle_server.kubectl("apply", "-f", "-", stdin=SEEDS_TAG)
    assert again.out == "bundle.core.rukpak.io/combo-tag-ref unchanged\n"
    written = json.dumps({"spec": {"source": {"git": {"ref": {"tag": "v0.0.2"}}}, "provisionerClassName": PLAIN}})
    assert (await bundle_server.kubectl(*SEEDS_PATCH, written)).code == 0


@pytest.mark.parametrize(
    "patch",
    [
        '{"spec":{"source":{"git":{"ref":{"tag":null,"branch":"main"}}}}}',
        '{"spec":{"source":{"git":{"directory":"deploy"}}}}',
        '{"spec":{"provisionerClassName":"core-rukpak-io-registry"}}',
        '{"spec":{"source":{"type":"image","git":null,"image":{"ref":"a"}}}}',
    ],
)
async def test_no_part_of_a_spec_changes(bundle_server: ApiServer, patch: str) -> None:
    await bundle_server.kubectl("apply", "-f", "-", stdin=SEEDS_TAG)
    refused = await bundle_server.kubectl(*SEEDS_PATCH, patch)
    assert "bundle.spec is immutable" in refused.err


async def test_only_the_rule_keeps_a_spec(bundle_server: ApiServer) -> None:
    def drop(definition: Object) -> None:
        schema(definition)["properties"]["spec"].pop("x-kubernetes-validations", None)

    document = a_bundle(git(), "combo-tag-ref") | {"apiVersion": await without(bundle_server, drop)}
    await bundle_server.apply(document)
    document["spec"]["source"]["git"]["ref"]["tag"] = "v2"
    [changed] = await bundle_server.apply(document)
    assert changed["spec"]["source"]["git"]["ref"] == {"tag": "v2"}


async def test_labels_annotations_and_status_may_change(bundle_server: ApiServer) -> None:
    await bundle_server.apply(a_bundle(git(), "combo"))
    assert (await bundle_server.kubectl("label", "bundle", "combo", "team=shop")).code == 0
    assert (await bundle_server.kubectl("annotate", "bundle", "combo", "why=because")).code == 0
    resolved = git({"commit": "a" * 40})
    status = json.dumps({"status": {"phase": "Unpacked", "resolvedSource": resolved}})
    patched = await bundle_server.kubectl(
        "patch", "bundle", "combo", "--subresource=status", "--type=merge", "-p", status
    )
    assert patched.code == 0, patched
    made = await bundle_server.get("Bundle", "", "combo", bundles.API_VERSION)
    assert (made["metadata"]["labels"], made["status"]["resolvedSource"]) == ({"team": "shop"}, resolved)
    assert made["metadata"]["generation"] == 1


async def test_a_template_may_change(bundle_server: ApiServer) -> None:
    await bundle_server.apply(a_bundle_deployment(git()))
    [changed] = await bundle_server.apply(a_bundle_deployment(git({"commit": "a" * 40})))
    assert changed["metadata"]["generation"] == 2


@each_kind
@each_refusal
async def test_a_source_is_refused(bundle_server: ApiServer, kind: str, refusal: Refusal) -> None:
    assert refusal.sentence in await created(bundle_server, BUILDERS[kind](refusal.source))


@each_refusal
async def test_only_the_rule_refuses(bundle_server: ApiServer, refusal: Refusal) -> None:
    """A document without a source breaks two rules, so the sentence is asked for."""
    api_version = await without(bundle_server, lambda definition: take_out(definition, refusal))
    for build in BUILDERS.values():
        document = build(refusal.source) | {"apiVersion": api_version}
        assert refusal.sentence not in await created(bundle_server, document)


@each_kind
@pytest.mark.parametrize(
    "source",
    [
        image("ghcr.io/acme/shop-bundle:main"),
        {"type": "image", "image": {"ref": "a", "pullSecret": "login"}},
        git(
            {"branch": "main"},
            directory="deploy/bundle..v1",
            auth={"secret": {"name": "a"}, "insecureSkipVerify": True},
        ),
        git({"commit": "a" * 40}, directory="./deploy"),
        {"type": "http", "http": {"url": "https://example.com/a.tgz", "auth": {"secret": {"name": "a"}}}},
        {"type": "configMaps", "configMaps": [{"configMap": {"name": "a"}, "path": "manifests"}]},
    ],
)
async def test_every_source_is_accepted(bundle_server: ApiServer, kind: str, source: Object) -> None:
    assert await created(bundle_server, BUILDERS[kind](source)) == ""


@pytest.mark.parametrize(("kind", "most"), [("Bundle", 52), ("BundleDeployment", 45)])
async def test_a_name_has_its_bound(bundle_server: ApiServer, kind: str, most: int) -> None:
    build = BUILDERS[kind]
    assert await created(bundle_server, build(git(), "a" * most)) == ""
    assert "metadata.name: Too long" in await created(bundle_server, build(git(), "a" * (most + 1)))

    def drop(definition: Object) -> None:
        schema(definition)["properties"]["metadata"].pop("properties")

    document = build(git(), "a" * (most + 1)) | {"apiVersion": await without(bundle_server, drop)}
    assert await created(bundle_server, document) == ""


@each_kind
async def test_a_field_that_nobody_knows_is_refused(bundle_server: ApiServer, kind: str) -> None:
    """By kubectl's strict validation: a misspelt field would be dropped without a word."""
    document = BUILDERS[kind]({"type": "image", "image": {"ref": "a", "pullsecret": "login"}})
    assert 'unknown field "spec.' in await created(bundle_server, document)


async def test_kubectl_shows_them(bundle_server: ApiServer) -> None:
    await bundle_server.apply(a_bundle(git(), "shop"), a_bundle_deployment(image("a"), "shop"))
    condition = {"type": "Installed", "status": "True", "reason": "InstallationSucceeded", "message": ""}
    conditions = [{**condition, "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    resolved = image("a@sha256:1")
    for kind, status in (
        ("bundle", {"phase": "Unpacked", "resolvedSource": resolved}),
        ("bd", {"activeBundle": "shop-1", "conditions": conditions, "handled": "1-0", "resolvedSource": resolved}),
    ):
        patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
        assert (await bundle_server.kubectl("patch", kind, "shop", *patch)).code == 0
    wide = await bundle_server.kubectl("get", "bundles", "-o", "wide")
    assert wide.out.split("\n")[0].split() == ["NAME", "TYPE", "PHASE", "AGE", "PROVISIONER", "RESOLVED", "SOURCE"]
    assert wide.out.split("\n")[1].split()[1:3] == ["git", "Unpacked"]
    assert '"ref":"a@sha256:1"' in wide.out
    shown = await bundle_server.kubectl("get", "bds")
    assert shown.out.split("\n")[0].split() == ["NAME", "ACTIVE", "BUNDLE", "INSTALL", "STATE", "AGE"]
    assert shown.out.split("\n")[1].split()[:3] == ["shop", "shop-1", "InstallationSucceeded"]
