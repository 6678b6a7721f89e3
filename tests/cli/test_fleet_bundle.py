"""krt bundle vet without a cluster: sentences, printed values, exit codes; the environment fills fields on demand."""

import json
from pathlib import Path

import pytest
import yaml

from krt.cli.main import main

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


def test_what_needs_the_cue_program_is_said_by_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "bundle.cue").write_text(f'import "strings"\n{BUNDLE}')
    assert vet() == 2
    assert capsys.readouterr().err == "krt: bundle.cue, line 1: imports need the cue program\n"


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
