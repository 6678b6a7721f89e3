"""krt artifact push into real registries, and what another client then finds there."""

import base64
import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from krt.cli.commands import parser_for
from krt.core.bundle.pack import pack
from krt.sources.folder import read_folder
from tests.cli.commands import Ended, run
from tests.registry.server import PASSWORD, USER, RegistryServer, registry_server, trusting
from tests.sources.images import WEB
from tests.sources.pulling import pulled

ROOT = Path(__file__).parents[2]
FILES = {
    "web.yaml": WEB,
    "more.yml": b"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n",
    f"{'n' * 120}.yaml": b"# nothing yet\n",
}
# Written down once: another value means that bundles which people have pushed get another digest.
DIGEST = "sha256:7c8d5b06a0b380e79a9bd336b54b91a41e0689456cb272219a51e1f1d42d5841"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "bundle", FILES)


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    (folder / "manifests").mkdir(parents=True)
    for name, content in files.items():
        (folder / "manifests" / name).write_bytes(content)
    return folder


def pushed(folder: Path, reference: str, *flags: str, **environ: str) -> Ended:
    return run("artifact", "push", str(folder), reference, *flags, environ={"HOME": str(folder), **environ})


def docker_config(folder: Path, host: str, **auth: str) -> str:
    """The folder of a docker config with this login."""
    (folder / "config.json").write_text(json.dumps({"auths": {host: auth}}))
    return str(folder)


def skopeo(*words: str) -> bytes:
    return subprocess.run(["skopeo", *words], capture_output=True, check=True).stdout


async def test_a_bundle_is_pushed_and_another_client_has_it(
    folder: Path, registry: RegistryServer, tmp_path: Path
) -> None:
    reference = f"{registry.host}/acme/{tmp_path.name}:main"
    ended = pushed(folder, reference)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"pushed {reference}, objects: 2, files: 3\n{DIGEST}\n"
    shown = json.loads(skopeo("inspect", "--tls-verify=false", f"docker://{reference}"))
    assert (shown["Digest"], shown["Os"], len(shown["Layers"])) == (DIGEST, "linux", 1)
    skopeo("copy", "--src-tls-verify=false", f"docker://{reference}", f"oci:{tmp_path / 'copy'}:main")
    found = await pulled(reference)
    assert (found.digest, found.tree.files) == (DIGEST, {f"manifests/{name}": FILES[name] for name in FILES})


async def test_what_another_client_has_pushed_as_docker_does_is_read(
    folder: Path, registry: RegistryServer, tmp_path: Path
) -> None:
    reference = f"{registry.host}/acme/{tmp_path.name}"
    other = f"docker://{reference}-other:main"
    assert pushed(folder, f"{reference}:main").code == 0
    both = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo("copy", *both, "--format", "v2s2", f"docker://{reference}:main", other)
    shown = json.loads(skopeo("inspect", "--tls-verify=false", "--raw", other))
    assert shown["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    found = await pulled(f"{reference}-other:main")
    assert found.tree.files == {f"manifests/{name}": FILES[name] for name in FILES}


def test_the_same_files_have_the_same_digest_whatever_else_differs(folder: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again", dict(reversed(FILES.items())))
    (again / "README.md").write_text("beside the manifests")
    (again / "manifests" / "web.yaml").chmod(0o600)
    assert {pack(read_folder(each).files).digest for each in (folder, again)} == {DIGEST}


def test_a_second_push_sends_no_blob_again_and_prints_json(folder: Path, registry: RegistryServer) -> None:
    reference = f"{registry.host}/acme/twice:main"
    assert pushed(folder, reference).code == 0
    [layer] = json.loads(registry.blob(DIGEST).read_bytes())["layers"]
    before = registry.blob(layer["digest"]).stat().st_mtime_ns
    ended = pushed(folder, reference, "-o", "json")
    assert json.loads(ended.out) == {
        "reference": reference,
        "digest": DIGEST,
        "objects": 2,
        "files": 3,
        "state": "pushed",
        "problem": "",
    }
    assert registry.blob(layer["digest"]).stat().st_mtime_ns == before


def test_a_registry_with_users_wants_a_login(folder: Path, registry: RegistryServer, tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    with registry_server(tmp_path / "registry", with_users=True) as server:
        reference = f"{server.host}/acme/bundle:main"
        ended = pushed(folder, reference)
        wanted = f"{server.host} asks for a user and a password, and there is none for it"
        missing = f"; there is no {folder / '.docker' / 'config.json'}, which `docker login {server.host}` writes"
        assert (ended.code, ended.out, ended.err) == (1, "", f"krt: {wanted}{missing}\n")
        config = docker_config(tmp_path, server.host, username=USER, password="wrong-hunter2")
        ended = pushed(folder, reference, "-o", "json", DOCKER_CONFIG=config)
        assert (ended.code, json.loads(ended.out)["state"]) == (1, "failed")
        assert f"{server.host} does not allow this for {server.host}/acme/bundle (status 401)" in ended.err
        assert "hunter2" not in ended.out + ended.err
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        config = docker_config(tmp_path, f"https://{server.host}/v2/", auth=auth)
        ended = pushed(folder, reference, DOCKER_CONFIG=config)
        assert (ended.code, ended.out.splitlines()[1]) == (0, DIGEST)


async def test_a_registry_with_tls_needs_its_authority(folder: Path, registry: RegistryServer, tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    with registry_server(tmp_path / "registry", with_tls=True) as server:
        reference = f"{server.host}/acme/bundle:main"
        ended = pushed(folder, reference)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith("krt: the certificate of 127.0.0.1 is not trusted: ")
        assert ended.err.endswith(" (see --ca-file)\n")
        assert pushed(folder, reference, "--ca-file", str(server.ca_file)).code == 0
        assert pushed(folder, reference, SSL_CERT_FILE=str(server.ca_file)).code == 0
        assert (await pulled(reference, verify=trusting(server))).digest == DIGEST


def test_a_helper_is_named(folder: Path, registry: RegistryServer, tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    (tmp_path / "config.json").write_text('{"credsStore": "desktop"}')
    with registry_server(tmp_path / "registry", with_users=True) as server:
        ended = pushed(folder, f"{server.host}/acme/bundle:main", DOCKER_CONFIG=str(tmp_path))
    assert ended.code == 1
    helper = f"{tmp_path}/config.json keeps credentials in docker-credential-desktop, which krt does not run"
    assert ended.err.endswith(f"; {helper}\n")


def test_a_registry_that_is_not_there_is_named(folder: Path) -> None:
    ended = pushed(folder, "127.0.0.1:9/acme/bundle:main", "--timeout", "300ms")
    assert ended.code in {1, 2}
    assert ended.err.startswith("krt: ")
    assert "Traceback" not in ended.err


def test_all_bad_input_is_reported_at_once(folder: Path, tmp_path: Path) -> None:
    (folder / "manifests" / "README.md").write_text("Our shop")
    (tmp_path / "config.json").write_text("[]")
    ended = pushed(folder, "ghcr.io/Acme", "--timeout", "soon", "--ca-file", "/nowhere")
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.splitlines()
    assert lines[0] == (
        f"krt: {folder}: manifests/README.md, the document at line 1: it is not a mapping with apiVersion, kind and "
        "metadata (json: cannot unmarshal string into Go value)"
    )
    assert lines[1].startswith("krt: 'ghcr.io/Acme': could not parse reference: ")
    assert [line.split()[1] for line in lines[2:]] == ["--timeout:", "--ca-file:"]
    ended = pushed(folder, "ghcr.io/acme/x", DOCKER_CONFIG=str(tmp_path))
    assert f"krt: {tmp_path}/config.json is not a docker config, which is JSON with `auths`" in ended.err.splitlines()


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (f"ghcr.io/acme/x@sha256:{'0' * 64}", "a push needs a tag and no digest: krt computes the digest"),
        ("my-bundle@sha256:xyz123", "could not parse reference: the text after @ is not a digest"),
    ],
)
def test_a_reference_that_cannot_be_pushed_to(folder: Path, reference: str, said: str) -> None:
    ended = pushed(folder, reference)
    assert (ended.code, ended.err) == (2, f"krt: '{reference}': {said}\n")


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    assert pushed(tmp_path, "x").err == f"krt: {tmp_path}: readdir manifests: file does not exist\n"
    assert pushed(tmp_path / "nowhere", "x").err == f"krt: {tmp_path / 'nowhere'} is not a folder\n"
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "a.yaml").symlink_to("/etc/passwd")
    assert "manifests/a.yaml is a symbolic link: a bundle has regular files only" in pushed(tmp_path, "x").err
    (tmp_path / "manifests" / "a.yaml").unlink()
    (tmp_path / "manifests" / "sub").mkdir()
    assert 'found "manifests/sub"' in pushed(tmp_path, "x").err


def test_the_example_of_a_job_pushes_what_it_announces() -> None:
    """Seen to fail with another tag announced, and with an input misspelt."""
    text = (ROOT / "docs" / "examples" / "deliver-bundle.yml").read_text()
    steps = yaml.safe_load(text)["jobs"]["deliver"]["steps"]
    [line] = [each["run"] for each in steps if "krt artifact" in each.get("run", "")]
    args = parser_for("artifact").parse_args(shlex.split(line.partition("-m krt ")[2]))
    [announced] = [each["with"] for each in steps if each.get("uses") == "./.krt/deploy/action"]
    assert args.reference == f"{announced['image']}:{announced['tags']}"
    inputs = yaml.safe_load((ROOT / "deploy" / "action" / "action.yml").read_text())["inputs"]
    assert announced.keys() <= inputs.keys()
