"""The surroundings of a kubeconfig's exec plugin: which program runs, and with which variables, as with kubectl.

Each instance is given to krt, and to the real kubectl where that has been built.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

from krt.cluster.access import load_access
from krt.errors import ClusterUnavailable, SettingsInvalid
from tests.apiserver.binaries import FILL_COMMAND, program
from tests.fakes.stand_in import write_kubeconfig

URL = "https://127.0.0.1:1/base/"  # nobody listens; kubectl runs no plugin for an http server
V1 = "client.authentication.k8s.io/v1"
CREDENTIAL = json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": "t"}})
RUNS = "/bin:/usr/bin"

kubectl_is_built = pytest.mark.skipif(
    not os.access(program("kubectl"), os.X_OK), reason=f"{FILL_COMMAND} has not built kubectl"
)

# The plugin's entry, krt's own PATH, and the program that runs, or the sentence of krt's for none. {} is the folder
# that has the programs `one/plug`, `two/plug`, `two/own` and `here`, and in which krt and kubectl run; the kubeconfig
# is in {}/conf, with `beside` and `sub/below`.
FOUND: dict[str, tuple[dict[str, Any], str, str]] = {
    "on PATH": ({"command": "plug"}, "{}/one:{}/two", "one/plug"),
    "later on PATH": ({"command": "own"}, "{}/one:{}/two", "two/own"),
    "a PATH of its own": ({"command": "plug", "env": [{"name": "PATH", "value": "{}/two"}]}, "{}/one", "one/plug"),
    "beside the kubeconfig": ({"command": "./beside"}, "", "conf/beside"),
    "below the kubeconfig": ({"command": "sub/below"}, "", "conf/sub/below"),
    "above the kubeconfig": ({"command": "../here"}, "", "here"),
    "a whole path": ({"command": "{}/one/plug"}, "{}/two", "one/plug"),
}
NOT_FOUND: dict[str, tuple[dict[str, Any], str, str]] = {
    "not on PATH": ({"command": "own"}, "{}/one", "'own' is not on krt's PATH. brew install it"),
    "on its own PATH alone": (
        {"command": "own", "env": [{"name": "PATH", "value": "{}/two"}]},
        "{}/one",
        "'own' is not on krt's PATH. brew install it",
    ),
    "beside the kubeconfig, without a slash": ({"command": "beside"}, "{}/one", "'beside' is not on krt's PATH."),
    "in the present folder": ({"command": "here"}, ".", "is not on krt's PATH"),
    "in the present folder by an empty part": ({"command": "here"}, ":{}/one", "is not on krt's PATH"),
    "in a relative folder": ({"command": "plug"}, "one", "is not on krt's PATH"),
    "in a relative folder before a whole one": ({"command": "plug"}, "one:{}/two", "is not on krt's PATH"),
    "no PATH": ({"command": "plug"}, "", "is not on krt's PATH"),
    "not executable": ({"command": "data"}, "{}/one", "is not on krt's PATH"),
    "a folder of that name": ({"command": "one"}, "{}", "is not on krt's PATH"),
    "relative and missing": ({"command": "./plug"}, "{}/one", "cannot be run (No such file or directory). brew"),
    "relative and no program": ({"command": "./sub"}, "{}/one", "cannot be run (Permission denied). brew"),
}
ALL = FOUND | NOT_FOUND


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    for name in ("one/plug", "two/plug", "two/own", "here", "conf/beside", "conf/sub/below"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        heard = f"{tmp_path}/heard"
        path.write_text(
            f'#!/bin/sh\necho {name} >> {heard}; echo "$OWN|$PATH" > {heard}.env\n'
            f"echo \"$KUBERNETES_EXEC_INFO\" > {heard}.info; echo '{CREDENTIAL}'\n"
        )
        path.chmod(0o755)
    (tmp_path / "one" / "data").write_text("#!/bin/sh\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, entry: dict[str, Any], **cluster: Any) -> Path:
    given = {"apiVersion": V1, "interactiveMode": "Never", "installHint": "brew install it", **entry}
    plugin = json.loads(json.dumps(given).replace("{}", str(folder)))
    return write_kubeconfig(folder / "conf", {"server": URL, **cluster}, {"exec": plugin})


async def run_by_krt(kubeconfig: Path) -> str:
    """The problem; empty if there is none."""
    try:
        _, credentials = load_access(kubeconfig)
        await credentials.headers()
    except ClusterUnavailable as error:
        return str(error)
    return ""


async def run_by_kubectl(kubeconfig: Path, path: str, folder: Path) -> None:
    await trio.run_process(
        [str(program("kubectl")), f"--kubeconfig={kubeconfig}", "get", "--raw", "/version"],
        env={"PATH": path, "HOME": str(folder)},
        stdin=b"",
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )


def heard(folder: Path) -> list[str]:
    file = folder / "heard"
    return sorted(set(file.read_text().split())) if file.exists() else []


@pytest.mark.parametrize("name", FOUND)
async def test_the_plugin_that_kubectl_would_run_runs(folder, monkeypatch, name):
    """Seen to fail with the PATH of the plugin's own entry searched: another program ran than with kubectl."""
    entry, path, wanted = FOUND[name]
    monkeypatch.setenv("PATH", path.replace("{}", str(folder)))
    problem = await run_by_krt(written(folder, entry))
    assert (heard(folder), problem) == ([wanted], "")


@pytest.mark.parametrize("name", NOT_FOUND)
async def test_a_plugin_that_kubectl_would_not_find_is_one_sentence(folder, monkeypatch, name):
    """Seen to fail with a program of the present folder run, and with one of the plugin's own PATH."""
    entry, path, says = NOT_FOUND[name]
    monkeypatch.setenv("PATH", path.replace("{}", str(folder)))
    problem = await run_by_krt(written(folder, entry))
    assert says in problem
    assert heard(folder) == []


async def test_without_the_variable_path_nothing_is_on_it(folder, monkeypatch):
    """Seen to fail with Python's own default, /bin:/usr/bin."""
    monkeypatch.delenv("PATH")
    assert "'true' is not on krt's PATH" in await run_by_krt(written(folder, {"command": "true"}))


@kubectl_is_built
@pytest.mark.parametrize("name", ALL)
async def test_kubectl_finds_the_same(folder, monkeypatch, name):
    entry, path, _ = ALL[name]
    kubeconfig, path = written(folder, entry), path.replace("{}", str(folder))
    await run_by_kubectl(kubeconfig, path, folder)
    its = heard(folder)
    (folder / "heard").unlink(missing_ok=True)
    monkeypatch.setenv("PATH", path)
    await run_by_krt(kubeconfig)
    assert heard(folder) == its


RECEIVED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no cluster": ({}, {}),
    "the cluster": ({"provideClusterInfo": True}, {}),
    "its name and its bytes": ({"provideClusterInfo": True}, {"tls-server-name": "a", "disable-compression": True}),
    "no check of it": ({"provideClusterInfo": True}, {"insecure-skip-tls-verify": True}),
    "its proxy": ({"provideClusterInfo": True}, {"proxy-url": "http://127.0.0.1:1"}),
    "its authority's file": ({"provideClusterInfo": True}, {"certificate-authority": "ca.pem"}),
    "its settings of the plugin": (
        {"provideClusterInfo": True},
        {"extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x", "deep": [1]}}]},
    ),
    "its settings of another": ({"provideClusterInfo": True}, {"extensions": [{"name": "x", "extension": {"y": 1}}]}),
    "a variable": ({"env": [{"name": "OWN", "value": "a b"}]}, {}),
    "a variable twice": ({"env": [{"name": "OWN", "value": "a"}, {"name": "OWN", "value": "b"}]}, {}),
    "a variable that krt has": ({"env": [{"name": "PATH", "value": "/bin"}]}, {}),
    "the variable of the protocol": ({"env": [{"name": "KUBERNETES_EXEC_INFO", "value": "x"}]}, {}),
    "if a person is there": ({"interactiveMode": "IfAvailable"}, {}),
}


@kubectl_is_built
@pytest.mark.parametrize("name", RECEIVED)
async def test_kubectl_gives_the_plugin_the_same(folder, monkeypatch, name):
    """Variables, and the cluster if it asks for it."""
    entry, cluster = RECEIVED[name]
    trustme.CA().cert_pem.write_to_path(folder / "conf" / "ca.pem")
    kubeconfig = written(folder, {"command": "./beside", **entry}, **cluster)
    await run_by_kubectl(kubeconfig, RUNS, folder)
    its = received_by_plugin(folder)
    for variable in os.environ.keys() - {"PATH", "HOME"}:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PATH", RUNS)
    assert await run_by_krt(kubeconfig) == ""
    assert received_by_plugin(folder) == its


def received_by_plugin(folder: Path) -> tuple[str, object]:
    info, variables = folder / "heard.info", folder / "heard.env"
    found = variables.read_text(), json.loads(info.read_text())
    info.unlink()
    variables.unlink()
    return found


NAME, GIVEN = "a variable in env whose name is empty or contains =", "its exec plugin has something in {} that no"
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a variable with an empty name": ({"env": [{"name": "", "value": "s3cret"}]}, NAME),
    "a variable with an equals sign": ({"env": [{"name": "A=s3cret"}]}, NAME),
    "a NUL in a variable's name": ({"env": [{"name": "A\0", "value": "s3cret"}]}, GIVEN.format("env")),
    "a NUL in a variable": ({"env": [{"name": "A", "value": "s3\0cret"}]}, GIVEN.format("env")),
    "a NUL in an argument": ({"args": ["s3cret", "s3\0cret"]}, GIVEN.format("args")),
    "a NUL in the command": ({"command": "a\0b"}, GIVEN.format("command")),
    "a person is asked": ({"interactiveMode": "Always"}, "(interactiveMode: Always), and krt asks none"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_plugin_that_cannot_run_so_is_refused_at_the_start(folder, name):
    """Seen to fail with each named "a NUL byte stands in its arguments", and that only when the plugin was run."""
    entry, says = REFUSED[name]
    with pytest.raises(SettingsInvalid) as refused:
        load_access(written(folder, {"command": "./beside", **entry}))
    (problem,) = refused.value.problems
    assert says in problem
    assert "cret" not in problem
    assert "\0" not in problem
