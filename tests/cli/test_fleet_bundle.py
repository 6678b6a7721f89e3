"""krt bundle vet and build without a cluster: sentences, printed values and objects, exit codes; a real registry."""

import json
from pathlib import Path

import pytest
import yaml

from krt.cli.main import main
from krt.core.bundle.kube_yaml import read_documents
from tests.registry.server import RegistryServer

BUNDLE = """
bundle: {
    _url: *"oci://ghcr.io/acme/app" | string @timoni(runtime:string:MODULE_URL)
    apiVersion: "v1alpha1"
    name:       "shop"
    instances: app: {
        module: url: _url
        namespace: "shop"
        values: {
            key:   string @timoni(runtime:string:SSH_KEY)
            admin: false  @timoni(runtime:bool:IS_ADMIN)
        }
    }
}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("KUBECONFIG", "SSH_KEY", "IS_ADMIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundle.cue").write_text(BUNDLE)
    return tmp_path


def vet(*arguments: str) -> int:
    return main(["bundle", "vet", "-f", "bundle.cue", *arguments])


def test_a_value_that_is_missing_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vet() == 2
    assert capsys.readouterr().err == (
        "krt: bundle.cue, line 10: incomplete value: bundle.instances.app.values.key has no value and no default\n"
    )


def test_the_environment_fills_fields_only_on_demand(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_KEY", "ssh-ed25519 AAAA")
    monkeypatch.setenv("IS_ADMIN", "true")
    assert vet() == 2
    capsys.readouterr()
    assert vet("--runtime-from-env") == 0
    assert capsys.readouterr().out == "bundle shop is right; instances in this order: app\n"


def test_printed_values_have_stars_for_the_environments(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_KEY", "ssh-ed25519 AAAA")
    assert vet("--runtime-from-env", "--print-value") == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["bundle"]["instances"]["app"]["values"] == {"key": "***", "admin": False}
    assert vet("--runtime-from-env", "--print-value", "--show-secrets") == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["bundle"]["instances"]["app"]["values"]["key"] == "ssh-ed25519 AAAA"


def test_a_hostile_variable_is_refused_and_not_quoted(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_KEY", "x")
    monkeypatch.setenv("IS_ADMIN", "hunter2")
    assert vet("--runtime-from-env") == 2
    assert capsys.readouterr().err == (
        "krt: bundle.cue, line 11: failed to parse attribute '@timoni(runtime:bool:IS_ADMIN)': "
        "value must be 'true' or 'false'\n"
    )


def test_several_files_are_one_bundle(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = {"bundle": {"instances": {"app": {"values": {"key": "k"}}}}}
    (home / "values.json").write_text(json.dumps(values))
    assert vet("-f", "values.json") == 0
    assert "bundle shop is right" in capsys.readouterr().out


def test_clusters_without_queries_need_no_kubeconfig(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_KEY", "x")
    (home / "runtime.yaml").write_text(
        "runtime:\n  apiVersion: v1alpha1\n  name: fleet\n  clusters:\n"
        "    zeta: {group: staging, kubeContext: a}\n    alpha: {group: production, kubeContext: b}\n"
    )
    assert vet("--runtime-from-env", "--runtime", "runtime.yaml") == 0
    assert capsys.readouterr().out == (
        "cluster zeta, group staging, context a: bundle shop is right; instances in this order: app\n"
        "cluster alpha, group production, context b: bundle shop is right; instances in this order: app\n"
    )


def pushed(home: Path, registry: RegistryServer, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """A module in a registry: its url without tag, and its digest."""
    manifests = home / home.name / "manifests"
    manifests.mkdir(parents=True)
    (manifests / "config.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {flag: 'y', count: \"1e3\"}\n"
    )
    name = f"{registry.host}/acme/{home.name}".lower()
    assert main(["artifact", "push", str(manifests.parent), f"{name}:1.0"]) == 0
    return name, capsys.readouterr().out.split()[-1]


def bundle_of(name: str, module: str) -> str:
    return (
        'bundle: {apiVersion: "v1alpha1", name: "shop"\n'
        f'instances: {{zeta: {{module: {{url: "oci://{name}", {module}}}, namespace: "shop-\\(_n)"}}\n'
        f'alpha: {{module: {{url: "oci://{name}", {module}}}, namespace: "shop"}}}}}}\n'
        '_n: *"a" | string @timoni(runtime:string:TIMONI_CLUSTER_NAME)\n'
    )


def build(*arguments: str) -> int:
    return main(["bundle", "build", "-f", "bundle.cue", *arguments])


def test_the_objects_of_plain_modules_are_printed_in_order(
    home: Path, registry: RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    name, digest = pushed(home, registry, capsys)
    (home / "bundle.cue").write_text(bundle_of(name, 'version: "1.0"'))
    assert build() == 0
    out = capsys.readouterr().out
    found = [each.value for each in read_documents(out.encode())]
    assert [(each["metadata"]["namespace"], each["data"]) for each in found] == [
        ("shop-a", {"flag": "y", "count": "1e3"}),
        ("shop", {"flag": "y", "count": "1e3"}),
    ]
    assert out.startswith(f"# instance zeta: oci://{name}@{digest}\n---\n")


def test_each_cluster_has_its_own_objects(
    home: Path, registry: RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    name, digest = pushed(home, registry, capsys)
    (home / "bundle.cue").write_text(bundle_of(name, f'digest: "{digest}"'))
    (home / "runtime.yaml").write_text(
        "runtime:\n  apiVersion: v1alpha1\n  name: fleet\n  clusters:\n"
        "    z1: {group: staging, kubeContext: a}\n    a1: {group: production, kubeContext: b}\n"
    )
    assert build("--runtime", "runtime.yaml") == 0
    out = capsys.readouterr().out
    namespaces = [each.value["metadata"]["namespace"] for each in read_documents(out.encode())]
    assert namespaces == ["shop-z1", "shop", "shop-a1", "shop"]
    assert out.startswith("# cluster z1, group staging, context a\n# instance zeta")


@pytest.mark.parametrize(
    ("module", "code", "said"),
    [
        ('version: "2.0"', 2, "(status 404)"),
        (f'version: "1.0", digest: "sha256:{"0" * 64}"', 2, "of version 1.0 doesn't match the specified digest"),
        (f'digest: "sha256:{"0" * 64}"', 2, "(status 404)"),
    ],
)
def test_a_module_that_is_not_as_it_must_be(
    home: Path, registry: RegistryServer, capsys: pytest.CaptureFixture[str], module: str, code: int, said: str
) -> None:
    name, _ = pushed(home, registry, capsys)
    (home / "bundle.cue").write_text(bundle_of(name, module))
    assert build() == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert "Traceback" not in printed.err


def test_a_registry_that_does_not_answer(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "bundle.cue").write_text(bundle_of("127.0.0.1:1/acme/app", 'version: "1.0"'))
    assert build("--timeout", "3s") == 1
    assert capsys.readouterr().err.startswith("krt: oci://127.0.0.1:1/acme/app: ")


def test_values_for_a_plain_module_are_refused(
    home: Path, registry: RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    name, _ = pushed(home, registry, capsys)
    text = bundle_of(name, 'version: "1.0"') + "bundle: instances: alpha: values: a: 1\n"
    (home / "bundle.cue").write_text(text)
    assert build() == 2
    assert "bundle.instances.alpha: module" in (err := capsys.readouterr().err)
    assert "which takes no values" in err
