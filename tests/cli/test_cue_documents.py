"""Documents that need the program `cue`: with it, they get their values as others do; without it, one sentence."""

from pathlib import Path

import pytest
import yaml

from krt.cli.main import main

BUNDLE = """import "strings"

#Values: {
    host!: string
    port?: int & >0
    ...
}
bundle: {
    apiVersion: "v1alpha1"
    name:       strings.ToLower("SHOP")
    instances: app: {
        module: url: "oci://ghcr.io/acme/app"
        namespace: "shop"
        values: #Values & {
            host:  string @timoni(runtime:string:HOST)
            port:  8080   @timoni(runtime:number:PORT)
            admin: false  @timoni(runtime:bool:IS_ADMIN)
            url:   "https://\\(host):\\(port)"
            parts: strings.Join([{a: *"none" | string @timoni(runtime:string:PART)}.a, "b"], "-")
        }
    }
}
"""
INSTALL = (
    "install cue (https://cuelang.org/docs/introduction/installation/) so that it is on PATH, "
    "or set KRT_CUE to its path"
)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("KRT_CUE", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("bundle.cue").write_text(BUNDLE.replace("    ", "\t"))


@pytest.fixture
def cue(cue_program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRT_CUE", str(cue_program))


def vet(*arguments: str) -> int:
    return main(["bundle", "vet", "-f", "bundle.cue", "--runtime-from-env", "--print-value", *arguments])


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert vet(*arguments) == 0
    bundle = yaml.safe_load(capsys.readouterr().out)["bundle"]
    assert bundle["name"] == "shop"
    found: dict[str, object] = bundle["instances"]["app"]["values"]
    return found


def test_without_the_program_the_form_is_named_and_how_to_install_cue(capsys: pytest.CaptureFixture[str]) -> None:
    assert vet() == 2
    assert capsys.readouterr().err == f"krt: bundle.cue, line 1: imports need the cue program: {INSTALL}\n"


@pytest.mark.usefixtures("cue")
def test_values_get_into_all_fields_that_ask_for_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One field stands within the argument of a call.

    Seen to fail with only the fields of the tree considered, and with U+FEFF as it is.
    """
    hostile = 'a"\nb: 1 \\(1+1) \U0001f600 \ufeff\n// c'
    for name, value in {"HOST": hostile, "PORT": "81", "IS_ADMIN": "true", "PART": "x"}.items():
        monkeypatch.setenv(name, value)
    values = printed(capsys, "--show-secrets")
    assert values == {"host": hostile, "port": 81, "admin": True, "url": f"https://{hostile}:81", "parts": "x-b"}


@pytest.mark.usefixtures("cue")
def test_defaults_count_without_variables_and_secrets_are_stars(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "hunter2")
    values = printed(capsys)
    assert values == {"host": "***", "port": 8080, "admin": False, "url": "***", "parts": "none-b"}


@pytest.mark.usefixtures("cue")
@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "cue refuses it: bundle.instances.app.values.host: incomplete value string"),
        ({"HOST": "h", "PORT": "41\nfoo: 1"}, "bundle.cue, line 16: failed to parse attribute"),
        ({"HOST": "h", "PORT": "-41"}, "invalid value *** (out of bound >0)"),
    ],
)
def test_what_is_wrong_is_said_without_the_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert vet() == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert "41" not in err


@pytest.mark.usefixtures("cue")
def test_several_files_and_a_runtime_go_to_the_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "h")
    Path("more.json").write_text('{"bundle": {"instances": {"app": {"values": {"extra": "_x"}}}}}')
    Path("runtime.cue").write_text(
        'import "strings"\nruntime: {apiVersion: "v1alpha1", name: strings.ToLower("FLEET")\n'
        'clusters: one: {group: "staging", kubeContext: "a"}}\n'
    )
    assert printed(capsys, "-f", "more.json", "--runtime", "runtime.cue")["extra"] == "_x"


def test_a_field_that_krt_does_not_look_into_needs_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """Seen to fail with the attribute ignored: the bundle got the default in spite of a value."""
    Path("bundle.cue").write_text('x: {a: "none" @timoni(runtime:string:HOST)}["a"]\n')
    assert vet() == 2
    assert "line 1: attributes @timoni() within expressions need the cue program" in capsys.readouterr().err
