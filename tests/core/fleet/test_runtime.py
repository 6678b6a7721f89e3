"""Runtime documents: their schema, queries, filters, and the values that expressions take from objects."""

import base64
from typing import Any

import pytest

from krt.core.cue.evaluate import evaluate
from krt.core.fleet.extract import RuntimeVariable, extract
from krt.core.fleet.files import read_file_of_instance
from krt.core.fleet.query import parse_query
from krt.core.fleet.refusals import FleetInvalid
from krt.core.fleet.runtime import Runtime, read_runtime

HEAD = 'apiVersion: "v1alpha1"\nname: "fleet"\n'
CLUSTERS = """
    "staging-1": {group: "staging", kubeContext: "kind-staging-1"}
    "production-1": {group: "production", kubeContext: "kind-production-1"}
    "production-2": {group: "production", kubeContext: "kind-production-2"}
"""


def runtime(fields: str, *others: str, head: str = HEAD) -> Runtime:
    texts = (f"runtime: {{\n{head}{fields}\n}}", *others)
    result = evaluate(*(read_file_of_instance(f"{n}.cue", text.encode()) for n, text in enumerate(texts)))
    return read_runtime(result.value, result.unordered)


def test_clusters_stand_in_the_order_of_their_definition() -> None:
    found = runtime(f"clusters: {{{CLUSTERS}}}")
    assert [each.name for each in found.clusters] == ["staging-1", "production-1", "production-2"]
    assert str(found.clusters[0]) == "cluster staging-1, group staging, context kind-staging-1"


def test_clusters_of_several_files_have_no_certain_order() -> None:
    """Seen to fail with the order of the files taken for the clusters'."""
    more = 'runtime: clusters: z: {group: "a", kubeContext: "b"}'
    with pytest.raises(FleetInvalid, match="their order is not certain: write all into one struct, without for and if"):
        runtime(f"clusters: {{{CLUSTERS}}}", more)


@pytest.mark.parametrize(
    ("cluster", "group", "names"),
    [
        ("", "", ["staging-1", "production-1", "production-2"]),
        ("*", "*", ["staging-1", "production-1", "production-2"]),
        ("PRODUCTION-1", "", ["production-1"]),
        ("", "Production", ["production-1", "production-2"]),
        ("production-2", "production", ["production-2"]),
    ],
)
def test_filters(cluster: str, group: str, names: list[str]) -> None:
    selected = runtime(f"clusters: {{{CLUSTERS}}}").select(cluster, group, "")
    assert [each.name for each in selected] == names


def test_filters_that_leave_nothing() -> None:
    with pytest.raises(FleetInvalid, match="no cluster found"):
        runtime(f"clusters: {{{CLUSTERS}}}").select("staging-1", "production", "")


def test_without_clusters_there_is_one_of_the_given_context() -> None:
    [only] = runtime("").select("", "", "kind")
    assert (only.name, only.group, only.context) == ("", "", "kind")


@pytest.mark.parametrize(
    ("head", "fields", "problem"),
    [
        (HEAD, 'clusters: "": {group: "g", kubeContext: "c"}', "its name must be a text that matches"),
        ('name: "x"', "", "runtime.apiVersion is required"),
        ('apiVersion: "v1", name: "x"', "", "runtime.apiVersion must be v1alpha1"),
        ('apiVersion: "v1alpha1"', "", "runtime.name is required"),
        ('apiVersion: "v1alpha1", name: "X"', "", "runtime.name must be a text that matches"),
        (f'apiVersion: "v1alpha1", name: "{"x" * 64}"', "", "runtime.name has more than 63 characters"),
        (HEAD, 'clusters: a: {group: "x"}', "runtime.clusters.a: group and kubeContext are required"),
        (HEAD, 'clusters: A: {group: "x", kubeContext: "y"}', "runtime.clusters.A: its name must be"),
        (HEAD, "clusters: []", "runtime.clusters must be a struct"),
        (HEAD, "values: {}", "runtime.values must be a list"),
        (HEAD, 'values: [{for: A: "obj.a"}]', "runtime.values[0].query is required"),
        (HEAD, 'values: [{query: "k8s:v1:Secret:a:b"}]', "runtime.values[0].for is required"),
        (HEAD, 'values: [{query: "k8s:v1:Secret:a:b", for: "a.b": "obj.a"}]', "the name of a value must be"),
        (HEAD, 'values: [{query: "k8s:v1:Secret:a:b", for: A: 1}]', "runtime.values[0].for.A must be an expression"),
        (HEAD, 'values: [{query: "k8s:v1:Secret:a:b", for: A: "obj."}]', "runtime.values[0].for.A, line 1: the name"),
        (
            HEAD,
            'values: [{query: "k8s:v1:Secret:a:b", for: A: "len(obj)"}]',
            "an expression cannot have calls such as len()",
        ),
        (HEAD, 'values: [{query: "k8s:v1:Secret:a:b", for: {}, optional: 1}]', "optional must be true or false"),
        (HEAD, 'values: [{query: "v1:Secret:a:b", for: {}}]', "query must start with k8s"),
    ],
)
def test_a_wrong_document_is_refused_by_the_field(head: str, fields: str, problem: str) -> None:
    with pytest.raises(FleetInvalid) as refused:
        runtime(fields, head=f"{head}\n")
    assert problem in str(refused.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(FleetInvalid) as refused:
        runtime('clusters: {a: {}, b: {}}\nvalues: [{query: "x"}]', head='name: "x"\n')
    assert len(refused.value.problems) == 4


def test_a_document_without_a_runtime() -> None:
    with pytest.raises(FleetInvalid, match="no field runtime"):
        read_runtime({"bundle": {}})


def test_unknown_fields_are_named() -> None:
    assert runtime("defaults: LEVEL: 1").unknown == ("runtime.defaults",)
    cluster = 'clusters: a: {group: "g", kubeContext: "c", kubecontext: "d"}'
    query = 'values: [{query: "k8s:v1:ConfigMap:a:b", for: {}, optinal: true}]'
    assert runtime(cluster).unknown == ("runtime.clusters.a.kubecontext",)
    assert runtime(query).unknown == ("runtime.values[0].optinal",)


@pytest.mark.parametrize(
    ("text", "group", "version", "key"),
    [
        ("k8s:v1:ConfigMap:platform:cloud-info", "", "v1", ("", "ConfigMap", "platform", "cloud-info")),
        ("k8s:apps/v1:Deployment:a:b", "apps", "v1", ("apps", "Deployment", "a", "b")),
        (
            "k8s:cert-manager.io/v1:ClusterIssuer:letsencrypt",
            "cert-manager.io",
            "v1",
            ("cert-manager.io", "ClusterIssuer", "", "letsencrypt"),
        ),
        (
            "k8s:rbac.authorization.k8s.io/v1:Role:kube-system:system:controller:x",
            "rbac.authorization.k8s.io",
            "v1",
            ("rbac.authorization.k8s.io", "Role", "kube-system", "system:controller:x"),
        ),
    ],
)
def test_queries(text: str, group: str, version: str, key: tuple[str, ...]) -> None:
    found = parse_query(text)
    assert (found.group, found.version, tuple(found.key)) == (group, version, key)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kube:v1:Secret:a:b", "failed to parse 'kube:v1:Secret:a:b': query must start with k8s"),
        ("k8s:v1:Secret", "failed to parse 'k8s:v1:Secret': invalid number of parts"),
        ("k8s:v1:Secret::b", "a part is empty"),
        ("k8s::Secret:a:b", "a part is empty"),
    ],
)
def test_wrong_queries(text: str, problem: str) -> None:
    with pytest.raises(FleetInvalid) as refused:
        parse_query(text)
    assert problem in str(refused.value)


def values(query: str, expression: str, body: dict[str, Any]) -> dict[str, RuntimeVariable]:
    quoted = expression.replace("\\", "\\\\").replace('"', '\\"')
    found = runtime(f'values: [{{query: "{query}", for: A: "{quoted}"}}]')
    return extract(found.queries[0], body)


REPOSITORY = {
    "metadata": {"name": "test", "labels": {"a/b": "c"}},
    "status": {
        "conditions": [{"type": "Stalled", "status": "False"}, {"type": "Ready", "status": "True"}],
        "artifact": {"revision": "main@sha1:1", "size": 1024, "ratio": 0.5, "last": True},
    },
}


@pytest.mark.parametrize(
    ("expression", "kind", "text"),
    [
        ("obj.status.artifact.revision", "string", "main@sha1:1"),
        ('[for c in obj.status.conditions if c.type == "Ready" {c.status}][0]', "string", "True"),
        ("obj.status.artifact.size", "number", "1024"),
        ("obj.status.artifact.ratio", "number", "0.5"),
        ("obj.status.artifact.last", "bool", "true"),
        ('obj.metadata.labels."a/b"', "string", "c"),
        ('obj["metadata"].name', "string", "test"),
        ('"\\(obj.metadata.name)-1"', "string", "test-1"),
    ],
)
def test_values_of_any_kind(expression: str, kind: str, text: str) -> None:
    """Timoni takes the name `test` for base64, and decodes it."""
    found = values("k8s:x.io/v1:GitRepository:a:test", expression, REPOSITORY)["A"]
    assert (found.kind, found.text.reveal(), found.is_secret) == (kind, text, False)


def a_secret(**data: bytes) -> dict[str, Any]:
    return {
        "metadata": {"name": "test"},
        "data": {name: base64.b64encode(each).decode() for name, each in data.items()},
    }


def test_values_of_a_secret_are_decoded_and_secret() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n"
    body = {**a_secret(password=b"hunter2"), "kind": "Secret"}
    body["data"]["ca.crt"] = base64.b64encode(pem.encode()).decode()
    assert values("k8s:v1:Secret:a:b", 'obj.data."ca.crt"', body)["A"].text.reveal() == pem
    found = values("k8s:v1:Secret:a:b", '"tcp://:\\(obj.data.password)@x"', body)["A"]
    assert (found.text.reveal(), found.is_secret) == ("tcp://:hunter2@x", True)
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("obj.data.nope", "can't extract values from Secret/a/b: A lookup path error: a field is selected that is not"),
        ("obj.data", "unsupported type returned by 'obj.data'"),
        ("[obj.data.password]", "unsupported type returned by '[obj.data.password]'"),
        ("obj.data.binary", "gives no concrete value, or bytes that are not text in UTF-8"),
        ("obj.data.password + 1", "the operator + has no meaning"),
        ("nope", "a name stands here"),
    ],
)
def test_what_cannot_be_extracted_is_told_without_the_secret(expression: str, problem: str) -> None:
    with pytest.raises(FleetInvalid) as refused:
        values("k8s:v1:Secret:a:b", expression, a_secret(password=b"hunter2", binary=b"\xff\xfe"))
    assert problem in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_yaml_and_json_are_read_as_they_are_for_kubectl() -> None:
    text = b"runtime:\n  apiVersion: v1alpha1\n  name: fleet\n  clusters:\n    a: {group: 'no', kubeContext: \"y\"}\n"
    result = evaluate(read_file_of_instance("r.yaml", text))
    assert read_runtime(result.value).clusters[0].group == "no"
    json_text = b'{"runtime": {"apiVersion": "v1alpha1", "name": "fleet"}}'
    assert read_runtime(evaluate(read_file_of_instance("r.json", json_text)).value).name == "fleet"
    both = evaluate(read_file_of_instance("r.yaml", text), read_file_of_instance("-", b'runtime: name: "fleet"'))
    assert read_runtime(both.value).name == "fleet"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("r.toml", b"", "r.toml: unsupported file extension: .toml"),
        ("Makefile", b"", "Makefile: unsupported file extension: "),
        ("r.yaml", b"a: 1\na: 2", "r.yaml: "),
        ("r.yaml", b"- 1", "r.yaml: one document that is a mapping is expected"),
        ("r.yaml", b"a: 1\n---\nb: 1", "r.yaml: one document that is a mapping is expected"),
        ("-", b"a: {", "standard input, line 1: "),
        ("r.cue", b"a: 0755", "r.cue, line 1: krt cannot read numbers of this form or size"),
        ("r.cue", b"a: 1 @b:c(d)", "r.cue, line 1: krt cannot read attributes of this form"),
    ],
)
def test_other_files(name: str, content: bytes, problem: str) -> None:
    """Seen to fail with CueInvalid alone caught: `krt bundle vet` ended with a traceback at the number 0755."""
    with pytest.raises(FleetInvalid) as refused:
        read_file_of_instance(name, content)
    assert problem in str(refused.value)
