"""krt bundle build of a CUE module, out of a real registry, by the real program `cue`."""

from pathlib import Path

import pytest
import trio

from krt.cli.main import main
from krt.core.bundle.kube_yaml import read_documents
from tests.cuelang.modules import MODULE, image_of
from tests.registry.server import RegistryServer
from tests.sources.pulling import pushed


@pytest.fixture
def bundle(
    tmp_path: Path, registry: RegistryServer, cue_program: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """A folder with bundle.cue; the module's reference and digest."""
    name = f"{registry.host}/acme/{tmp_path.name}".lower()
    image = image_of(MODULE, "2.3.4")
    trio.run(pushed, f"{name}:2.3.4", image)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    for variable, value in {"HOME": str(tmp_path), "KRT_CUE": str(cue_program), "TMPDIR": str(tmp_path)}.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    write(name, 'ui: message: "hi"')
    return name, image.digest


def write(name: str, values: str, module: str = 'version: "2.3.4"') -> None:
    Path("bundle.cue").write_text(
        f'bundle: {{apiVersion: "v1alpha1", name: "shop"\ninstances: web: {{module: {{url: "oci://{name}", {module}}}\n'
        f'namespace: "shop", values: {{{values}}}}}}}\n'
    )


def build(*arguments: str) -> int:
    return main(["bundle", "build", "-f", "bundle.cue", *arguments])


def test_the_objects_of_a_module_with_values_over_its_own(
    bundle: tuple[str, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert build() == 0
    out = capsys.readouterr().out
    config, service, deployment = (each.value for each in read_documents(out.encode()))
    assert config["metadata"] == {
        "name": "web",
        "namespace": "shop",
        "labels": {"app.kubernetes.io/name": "web"},
    }
    assert config["data"] == {
        "message": "hi",
        "color": "blue",
        "hosts": "a,b",
        "module": "2.3.4",
        "kube": "1.36.0",
        "token": "",
    }
    assert (service["kind"], deployment["spec"]["replicas"]) == ("Service", 1)
    assert list(tmp_path.glob("krt-cue-*")) == []


def test_a_value_that_the_module_refuses_is_named_and_a_secret_in_it_is_not_quoted(
    bundle: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hunter2 secret")
    write(bundle[0], "replicas: string @timoni(runtime:string:TOKEN)")
    assert build("--runtime-from-env") == 2
    err = capsys.readouterr().err
    assert "krt: bundle.instances.web: module oci://" in err
    assert "cue refuses it" in err
    assert "replicas" in err
    assert "hunter2" not in err
    write(bundle[0], 'replicas: "three"')
    assert build() == 2
    assert '"three"' in capsys.readouterr().err


def test_a_secret_in_an_object_is_printed_as_stars_unless_asked_for(
    bundle: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail without stars."""
    monkeypatch.setenv("TOKEN", "hunter2 secret")
    write(bundle[0], 'token: "Bearer \\(_t)", _t: string @timoni(runtime:string:TOKEN)')
    for flags, shown in (((), "***"), (("--show-secrets",), "Bearer hunter2 secret")):
        assert build("--runtime-from-env", *flags) == 0
        config = next(iter(read_documents(capsys.readouterr().out.encode()))).value
        assert (config["data"]["token"], config["data"]["message"]) == (shown, "hello")


def test_without_the_program_the_module_is_named_and_how_to_install_cue(
    bundle: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KRT_CUE")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert build() == 2
    assert capsys.readouterr().err == (
        f"krt: bundle.instances.web: module oci://{bundle[0]} is a CUE program: install cue "
        "(https://cuelang.org/docs/introduction/installation/) so that it is on PATH, or set KRT_CUE to its path\n"
    )


def test_a_pin_that_does_not_hold_is_refused(bundle: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    other = f"sha256:{'0' * 64}"
    write(bundle[0], "", f'version: "2.3.4", digest: "{other}"')
    assert build() == 2
    sentence = f"the upstream digest {bundle[1]} of version 2.3.4 doesn't match the specified digest {other}"
    assert sentence in capsys.readouterr().err


def test_other_bytes_for_a_layer_are_refused(
    bundle: tuple[str, str], registry: RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    layer = next(digest for digest, blob in image_of(MODULE, "2.3.4").blobs.items() if blob.startswith(b"\x1f\x8b"))
    blob = registry.blob(layer)
    kept = blob.read_bytes()
    blob.write_bytes(b"\0" * len(kept))
    try:
        assert build() == 2
    finally:
        blob.write_bytes(kept)
    assert "sends other bytes for" in capsys.readouterr().err
