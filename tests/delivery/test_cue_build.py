"""Hostile CUE modules and a program that misbehaves end with one sentence; nothing stays behind."""

import os
from pathlib import Path

import pytest
import trio

from krt.core.bundle.tree import FileTree
from krt.core.fleet.bundle import Instance, Module
from krt.core.fleet.refusals import FleetInvalid
from krt.core.kube.manifest import Manifest
from krt.delivery.cue_build import cue_objects
from krt.delivery.cue_program import CueLimits, CueProgram
from krt.delivery.module_pull import PulledModule
from tests.cuelang.modules import files_of

_MODULE_FILE = {"cue.mod/module.cue": 'module: "modules.example/bad"\nlanguage: version: "v0.9.0"\n'}


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def built(files: dict[str, str], program: CueProgram, kube_version: str = "") -> tuple[tuple[Manifest, ...], ...]:
    instance = Instance("web", "shop", Module("registry.example/bad", "", ""), {})
    module = PulledModule("", FileTree(files_of(_MODULE_FILE | files)))
    return trio.run(cue_objects, instance, module, kube_version, program)


_NINE = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
_MANY = " ".join(f"for x{number} in l" for number in range(12))
_TWICE = "\n".join([f'let a0 = "{"x" * 40}"', *(f'let a{n + 1} = "\\(a{n})\\(a{n})"' for n in range(40))])
_OBJECT = '{apiVersion: "v1", kind: "ConfigMap", metadata: name: "a"}'


@pytest.mark.parametrize(
    ("apply", "sentence"),
    [
        (f"a: [{_MANY} {{x0}}]\nlet l = {_NINE}", "cue needs more than 2 s of processor time"),
        (
            f"a: [{_OBJECT}, {_OBJECT} & {{data: a: b: c: 1}}]",
            "stands twice, in timoni.apply.a, with different content",
        ),
        ("a: [1]", "timoni.apply.a[0]: it is not a mapping with apiVersion, kind and metadata"),
        ("a: {}", "timoni.apply.a is not a list of objects"),
        ("a: []", "timoni.apply has no object"),
        ("{}", "timoni.apply must be a struct of 1 to 100 lists of objects"),
        ("a: [b], b: [a]", "cue refuses it: "),
        ("a: [#D], #D: {x: #D}", "cue refuses it: "),
        ("a: [string]", "cue refuses it: "),
    ],
)
def test_a_module_that_does_not_give_objects(cue_program: Path, tmp_path: Path, apply: str, sentence: str) -> None:
    text = apply if apply == "{}" else f"{{{apply}}}"
    program = CueProgram(str(cue_program), CueLimits(most_bytes=1024**3, processor_seconds=2))
    with pytest.raises(FleetInvalid) as refused:
        built({"timoni.cue": f"package main\ntimoni: apply: {text}\n"}, program)
    assert str(refused.value).startswith("bundle.instances.web: module oci://registry.example/bad: ")
    assert sentence in str(refused.value)
    assert str(tmp_path) not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_module_of_before_versions_of_the_language_is_built(cue_program: Path) -> None:
    """Seen to fail with `no language version declared in module.cue`. A tag in a comment is none."""
    files = {
        "cue.mod/module.cue": 'module: "modules.example/old"',
        "timoni.cue": f"package main\n// x: string @tag(name)\ntimoni: apply: a: [{_OBJECT}]\n",
    }
    [[manifest]] = built(files, CueProgram(str(cue_program)))
    assert (manifest.kind, manifest.namespace, manifest.name) == ("ConfigMap", "shop", "a")


@pytest.mark.parametrize(
    ("version", "expected"), [("1.29.3-eks-a18cd3a", "1.29.3"), ("1.36.3", "1.36.3"), ("", "1.36.0")]
)
def test_the_kubernetes_version_is_plain(cue_program: Path, version: str, expected: str) -> None:
    text = f"package main\n_kv: string @tag(kv, var=kubeVersion)\ntimoni: apply: a: [{_OBJECT} & {{data: kv: _kv}}]\n"
    text = text.replace('metadata: name: "a"}', 'metadata: name: "a", ...}')
    [[manifest]] = built({"timoni.cue": text}, CueProgram(str(cue_program)), version)
    assert manifest.body["data"] == {"kv": expected}


def test_imports_in_a_circle_and_of_the_network_are_refused(cue_program: Path) -> None:
    program = CueProgram(str(cue_program))
    for path in ("modules.example/bad/a", "github.com/acme/remote@v0"):
        files = {
            "timoni.cue": f'package main\nimport "{path}"\ntimoni: apply: x: [a.x]\n',
            "a/a.cue": 'package a\nimport "modules.example/bad/b"\nx: b.x\n',
            "b/b.cue": 'package b\nimport "modules.example/bad/a"\nx: a.x\n',
        }
        with pytest.raises(FleetInvalid, match="cue refuses it: "):
            built(files, program)


@pytest.mark.parametrize("file", ["/etc/passwd", "../../../../../../etc/passwd", "../home/x"])
def test_a_file_outside_of_the_module_cannot_be_embedded(cue_program: Path, file: str) -> None:
    text = f'@extern(embed)\npackage main\ntimoni: apply: a: [{{x: _ @embed(file="{file}",type=text)}}]\n'
    with pytest.raises(FleetInvalid, match="cue refuses it: ") as refused:
        built({"timoni.cue": text}, CueProgram(str(cue_program)))
    assert "root:" not in str(refused.value)


def a_program(folder: Path, script: str) -> str:
    file = folder / "bin" / "cue"
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("head -c 3000000 /dev/zero", "cue prints more than 2 MiB"),
        ("sleep 60", "cue did not end within 0.5 s, and was killed"),
        ("echo nothing", "cue prints values that are no JSON, or are nested too deeply"),
        ("echo '{\"a\": 1e999}'", "cue prints a number that is too large for JSON's readers"),
        ("kill -9 $$", "cue was killed (SIGKILL), as systems without memory left do"),
        ("kill -11 $$", "cue was ended by SIGSEGV"),
        ("echo $KRT_TOKEN $CUE_REGISTRY >&2; exit 1", "cue refuses it: none"),
    ],
)
def test_a_program_that_misbehaves(tmp_path: Path, script: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail with krt's environment given to the program, and with each SIGKILL told as the limit of time."""
    monkeypatch.setenv("KRT_TOKEN", "secret")
    limits = CueLimits(seconds=0.5 if "sleep" in script else 30.0, output_bytes=2 * 1024 * 1024)
    with pytest.raises(FleetInvalid) as refused:
        built({"timoni.cue": ""}, CueProgram(a_program(tmp_path, script), limits))
    assert list(tmp_path.glob("krt-cue-*")) == []
    assert str(refused.value).endswith(sentence)


def test_what_is_no_program_is_named(tmp_path: Path) -> None:
    for path, sentence in ((tmp_path / "nothing", "is not a program: install cue"), (tmp_path, "is not a program")):
        with pytest.raises(FleetInvalid, match=sentence):
            built({"timoni.cue": ""}, CueProgram(str(path)))
    (tmp_path / "data").write_bytes(b"\x7fELF")
    (tmp_path / "data").chmod(0o755)
    with pytest.raises(FleetInvalid, match="data cannot be run: Exec format error"):
        built({"timoni.cue": ""}, CueProgram(str(tmp_path / "data")))


def test_a_cancelled_run_kills_the_program_and_removes_its_files(tmp_path: Path) -> None:
    """The program writes its id into a pipe: the test reads it as soon as the program runs.

    Seen to fail with the folder left behind.
    """
    pipe, found = tmp_path / "pipe", list[int]()
    os.mkfifo(pipe)
    program = CueProgram(a_program(tmp_path, f"echo $$ > {pipe}; exec sleep 60"))

    async def cancelled() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(program.export, {}, ["."])
            found.append(int(await trio.to_thread.run_sync(pipe.read_text)))
            nursery.cancel_scope.cancel()

    trio.run(cancelled)
    with pytest.raises(ProcessLookupError):
        os.kill(found[0], 0)
    assert list(tmp_path.glob("krt-cue-*")) == []
