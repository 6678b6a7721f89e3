"""Bundles: values put into fields by type, defaults, the order of sources, the schema; no refusal quotes a value."""

from typing import Any

import pytest

from krt.core.cue.evaluate import evaluate
from krt.core.cue.refusals import CueBeyond, CueIncomplete, CueRefused
from krt.core.cue.result import Result
from krt.core.fleet.bundle import read_bundle
from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.files import read_file_of_instance
from krt.core.fleet.inject import inject
from krt.core.fleet.refusals import FleetInvalid
from krt.core.fleet.runtime import RuntimeCluster
from krt.core.fleet.variables import environment_variables, variables_of
from krt.secret import Secret
from tests.core.fleet.documents import DOCUMENTS


def variables(*, is_secret: bool = False, **texts: str) -> dict[str, RuntimeVariable]:
    return {name: RuntimeVariable("string", Secret(text), is_secret) for name, text in texts.items()}


def made(text: str, found: dict[str, RuntimeVariable]) -> Result:
    return evaluate(inject(read_file_of_instance("bundle.cue", text.encode()), found))


def test_the_seeds_bundle_with_the_seeds_values() -> None:
    found = variables(ACCOUNT="1234567890", REGION="eu-north-1") | variables(is_secret=True, CACHE_PASSWORD="password")
    result = made(DOCUMENTS["the example's bundle"], found)
    bundle = read_bundle(result.value, result.unordered)
    [instance] = bundle.instances
    assert (bundle.name, instance.name, instance.namespace) == ("shop", "shop", "shop")
    assert instance.module.url == "1234567890.registry.eu-north-1.example/modules/shop"
    assert (instance.module.version, instance.module.digest) == ("", "")
    assert instance.values == {"caching": {"enabled": True, "cacheURL": "tcp://:password@cache.platform:6379"}}
    assert "password" not in f"{result.masked}{bundle!r}"


@pytest.mark.parametrize(("group", "replicas"), [("staging", 1), ("production", 2)])
def test_the_clusters_name_and_group_are_variables(group: str, replicas: int) -> None:
    found = variables_of({}, {}, RuntimeCluster("staging-1", group, "context"))
    result = made(DOCUMENTS["the bundle with cluster and group"], found)
    assert read_bundle(result.value).instances[0].values == {
        "ui": {"message": "Runs in staging-1"},
        "replicas": replicas,
    }


FIELD = "values: {field}"


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("a: string @timoni(runtime:string:X)", "", ""),
        ("a: string @timoni(runtime:string:X)", 'quote" back\\ \\(a) \n\t é 😀 {}', 'quote" back\\ \\(a) \n\t é 😀 {}'),
        ("a: string @timoni(runtime:string:X)", "1", "1"),
        ("a: int @timoni(runtime:number:X)", "-12", -12),
        ("a: number @timoni(runtime:number:X)", "1.5", 1.5),
        ("a: bool @timoni(runtime:bool:X)", "true", True),
        ('a: "example.com" @timoni(runtime:string:X)', "host", "host"),
        ("a: false @timoni(runtime:bool:X)", "true", True),
        ('a: *"x" | string @timoni(runtime:string:X)', "y", "y"),
    ],
)
def test_a_value_has_the_type_that_its_field_declares(field: str, text: str, expected: object) -> None:
    value: Any = made(field, variables(X=text)).value
    assert (value["a"], type(value["a"])) == (expected, type(expected))


NO_NUMBERS = [
    "", " ", "41\nfoo: 1", "41}", "41 + 1", "41 // c", "1e", "0x10", "1_000", "4Ki", "01", "+1", ".5", "1.", "NaN",
    "Infinity", "--1", "1,2", "٣", "true", '"1"', "9" * 301, "1e999", "1e9999", "{}", "hunter2",
]  # fmt: skip
NO_BOOLS = ["", "yes", "no", "True", "FALSE", "1", "0", "true ", "true\n", "null", "true || false", "hunter2"]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_no_other_text_is_a_number_and_none_is_quoted(text: str) -> None:
    """Seen to fail with a refusal that ends in the value."""
    with pytest.raises(FleetInvalid) as refused:
        made("a: int @timoni(runtime:number:X)", variables(X=text))
    assert str(refused.value) == (
        "bundle.cue, line 1: failed to parse attribute '@timoni(runtime:number:X)': value must be a number"
    )


@pytest.mark.parametrize("text", NO_BOOLS)
def test_no_other_text_is_a_bool_and_none_is_quoted(text: str) -> None:
    with pytest.raises(FleetInvalid) as refused:
        made("a: bool @timoni(runtime:bool:X)", variables(X=text))
    assert str(refused.value).endswith("value must be 'true' or 'false'")


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("@timoni(runtime:int:X)", "unknown type 'int' must be string, number or bool"),
        ("@timoni(runtime:string)", "it must be @timoni(runtime:[string|number|bool]:[NAME])"),
        ("@timoni(env:string:X)", "it must be @timoni(runtime:[string|number|bool]:[NAME])"),
    ],
)
def test_a_wrong_attribute(attribute: str, problem: str) -> None:
    with pytest.raises(FleetInvalid) as refused:
        made(f"a: string {attribute}", variables(X="1"))
    assert problem in str(refused.value)


def test_a_variable_that_is_not_text_is_refused() -> None:
    """Python has the bytes of such a variable as surrogates. Seen to fail with the text taken as it is."""
    with pytest.raises(FleetInvalid, match="value must be text in UTF-8"):
        made("a: string @timoni(runtime:string:X)", variables(X="\udcff"))


def test_a_default_counts_only_without_a_value() -> None:
    assert made("a: 1 @timoni(runtime:number:X)", {}).value == {"a": 1}
    assert made("a: 1 @timoni(runtime:number:X)", variables(X="2", Y="3")).value == {"a": 2}


def test_neither_value_nor_default() -> None:
    with pytest.raises(CueIncomplete, match=r"incomplete value: a\.b has no value and no default"):
        made("a: b: string @timoni(runtime:string:X)", {})
    for use in ('"x-\\(_h)"', "_h + 1", "[if _h == 1 {2}]"):
        with pytest.raises(CueIncomplete, match="incomplete value: _h has no value and no default"):
            made(f"_h: string @timoni(runtime:string:X)\na: {use}", {})
    with pytest.raises(CueIncomplete, match=r"incomplete value: _h\.b has no value and no default"):
        made('_h: b: string @timoni(runtime:string:X)\na: "\\(_h.b)"', {})


def test_fields_in_lists_loops_and_conditions_get_their_values() -> None:
    text = """
        l: [{a: string @timoni(runtime:string:X)}]
        if true {b: string @timoni(runtime:string:X)}
        c: {d: 1} & {e: string @timoni(runtime:string:X)}
    """
    assert made(text, variables(X="v")).value == {"l": [{"a": "v"}], "b": "v", "c": {"d": 1, "e": "v"}}


def test_fields_within_a_value_that_is_replaced_ask_for_nothing() -> None:
    text = 'x: {y: {a: "none" @timoni(runtime:string:B)}["a"]} @timoni(runtime:string:A)\n'
    assert made(text, variables(A="1")).value == {"x": "1"}
    with pytest.raises(CueBeyond):
        made(text, variables(B="1"))


def test_the_later_source_counts() -> None:
    """Five layers: the field's default, the environment, an earlier query, a later one, the cluster's name."""
    cluster = RuntimeCluster("name", "group", "context")
    environment = environment_variables({"A": "env", "B": "env", "TIMONI_CLUSTER_NAME": "env"})
    queried = variables(B="query", TIMONI_CLUSTER_NAME="query")
    found = variables_of(environment, queried, cluster)
    text = "".join(
        f'{name.lower()}: "default" @timoni(runtime:string:{name})\n' for name in ("A", "B", "C", "TIMONI_CLUSTER_NAME")
    )
    assert made(text, found).value == {"a": "env", "b": "query", "c": "default", "timoni_cluster_name": "name"}
    without = variables_of(environment, {}, RuntimeCluster())
    assert made(text, without).value == {"a": "env", "b": "env", "c": "default", "timoni_cluster_name": "env"}


def test_a_conflict_with_a_secret_quotes_nothing() -> None:
    with pytest.raises(CueRefused) as refused:
        made('a: string @timoni(runtime:string:X)\na: "other"', variables(is_secret=True, X="hunter2"))
    assert "hunter2" not in str(refused.value)


def test_a_secret_makes_no_label() -> None:
    """Labels stand in errors and in masked output. Seen to fail with the secret as a key of the masked value."""
    text = '_x: string @timoni(runtime:string:X)\n"a-\\(_x)": 1'
    assert made(text, variables(X="y")).value == {"a-y": 1}
    with pytest.raises(CueRefused, match="a secret is part of a label"):
        made(text, variables(is_secret=True, X="hunter2"))


HEAD = 'apiVersion: "v1alpha1", name: "x"'
GOOD = 'module: url: "oci://x/y", namespace: "n"'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1", "no field bundle"),
        (f'bundle: {{name: "x", instances: a: {{{GOOD}}}}}', "bundle.apiVersion is required, and must be v1alpha1"),
        (f'bundle: {{apiVersion: "v1alpha1", instances: a: {{{GOOD}}}}}', "bundle.name is required"),
        (f"bundle: {{{HEAD}}}", "bundle.instances is required"),
        (f"bundle: {{{HEAD}, instances: {{}}}}", "bundle.instances is required"),
        (f"bundle: {{{HEAD}, instances: A: {{{GOOD}}}}}", "bundle.instances.A: its name must match"),
        (f"bundle: {{{HEAD}, instances: a: 1}}", "bundle.instances.a must be a struct"),
        (f'bundle: {{{HEAD}, instances: a: module: url: "oci://x"}}', "bundle.instances.a.namespace is required"),
        (f'bundle: {{{HEAD}, instances: a: namespace: "n"}}', "bundle.instances.a.module is required"),
        (f'bundle: {{{HEAD}, instances: a: {{namespace: "n", module: url: "x"}}}}', "a.module.url is required"),
        (f"bundle: {{{HEAD}, instances: a: {{{GOOD}, values: 1}}}}", "bundle.instances.a.values must be a struct"),
        (f'bundle: {{{HEAD}, instances: a: {{{GOOD}, module: digest: "x"}}}}', "a.module.digest must be sha256:"),
        (
            f'bundle: {{{HEAD}, instances: a: {{namespace: "n", module: url: "oci://x/y:1"}}}}',
            "a.module.url has a tag or",
        ),
        (
            f'bundle: {{{HEAD}, instances: a: {{namespace: "n", module: url: "oci://x/y@sha256:{"0" * 64}"}}}}',
            "a.module.url has a tag or a digest: write it into the field version or digest",
        ),
        (
            f'bundle: {{{HEAD}, instances: a: {{namespace: "n", module: url: "oci://x/Y"}}}}',
            "a.module.url is no name in",
        ),
        (f'bundle: {{{HEAD}, instances: a: {{{GOOD}, module: version: "1 0"}}}}', "a.module.version must be a tag"),
        (f"bundle: {{{HEAD}, instances: a: {{{GOOD}, module: version: 1}}}}", "a.module.version must be a tag"),
        (f"bundle: {{{HEAD}, instance: 1, instances: a: {{{GOOD}}}}}", "bundle.instance is no field that it can have"),
        (f"bundle: {{{HEAD}, instances: a: {{{GOOD}, value: x: 1}}}}", "a.value is no field that it can have: these"),
        (f'bundle: {{{HEAD}, instances: a: {{{GOOD}, module: verison: "1"}}}}', "a.module.verison is no field"),
    ],
)
def test_a_wrong_bundle_is_refused_by_the_field(text: str, problem: str) -> None:
    with pytest.raises(FleetInvalid) as refused:
        read_bundle(made(text, {}).value)
    assert problem in str(refused.value)


def test_instances_stand_in_the_order_of_their_definition() -> None:
    text = f"bundle: {{{HEAD}, instances: zeta: {{{GOOD}}}, instances: alpha: {{{GOOD}}}}}"
    result = made(text, {})
    assert [each.name for each in read_bundle(result.value, result.unordered).instances] == ["zeta", "alpha"]
    loop = f'bundle: {{{HEAD}, instances: {{z: {{{GOOD}}}, for n in ["a", "b"] {{"\\(n)": {{{GOOD}}}}}}}}}'
    result = made(loop, {})
    with pytest.raises(FleetInvalid, match="their order is not certain: write all into one struct, without for and if"):
        read_bundle(result.value, result.unordered)
