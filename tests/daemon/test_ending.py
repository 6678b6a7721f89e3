"""How krt ends: after a signal, if it cannot start, and if it has a bug."""

import os
import socket
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM, Signals

import pytest
import trio
import yaml

from krt.core.kube.workload import MARK
from krt.dev.cluster import Fault
from krt.serving.address import Address
from tests.fakes.around import Around, Krt
from tests.fakes.pace import PATIENCE_SECONDS, slack
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.process import finished, process, program
from tests.serving.raw import read_to_end


async def refuses(address: Address) -> bool:
    """Whether nobody listens there."""
    try:
        async with await trio.open_tcp_stream(address.host, address.port):
            return False
    except OSError:
        return True


@pytest.mark.parametrize("role", ["web", "worker", "all"])
async def test_an_idle_krt_ends_within_a_second(around: Around, role: str):
    async with process(role, environ=around.of(role)) as running:
        await running.wait_said("ready")
        code, seconds = await running.stopped(SIGTERM)
        assert (code, "Traceback" in running.err) == (0, False), running.err
        assert seconds < slack(1)
        assert running.said("stopped")[0]["in_time"] is True


async def test_ctrl_c_ends_it_as_well(around: Around):
    async with process("all", environ=around.of("all")) as running:
        await running.wait_said("ready")
        code, _ = await running.stopped(SIGINT)
        assert (code, "Traceback" in running.err) == (0, False), running.err


async def test_it_can_be_ended_before_anything_is_there(around: Around):
    await around.valkey.stop()
    around.stand_in.cluster.faults.add(Fault(delay_seconds=3600), times=None)
    async with process("all", environ=around.of("all")) as running:
        await running.wait_said("started")
        code, seconds = await running.stopped()
        assert (code, "Traceback" in running.err) == (0, False), running.err
        assert seconds < slack(1)


@pytest.fixture
def hanging(around: Around, tmp_path: Path) -> Path:
    """A kubeconfig whose credential plugin does not end; it writes its process id into the file beside."""
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho $$ > {plugin}.new\nmv {plugin}.new {plugin}.pid\nexec sleep 60\n")
    plugin.chmod(0o700)
    document = yaml.safe_load(Path(around.environ["KUBECONFIG"]).read_text())
    runs = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": str(plugin)}
    document["users"][0]["user"] = {"exec": runs}
    path = tmp_path / "hanging.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize("signal", [SIGTERM, SIGINT])
async def test_it_can_be_ended_while_it_starts(around: Around, hanging: Path, signal: Signals):
    pid = hanging.with_name("plugin.pid")
    async with process("worker", environ={**around.of("worker"), "KUBECONFIG": str(hanging)}) as running:
        await until_on_wall_clock(pid.exists)
        running.signal(signal)
        said = await running.wait_said("stopped")
        assert said["in_time"] is True
        assert (await running.ended(), "Traceback" in running.err) == (0, False), running.err
    with pytest.raises(ProcessLookupError):  # krt has ended the plugin with itself
        os.kill(int(await trio.Path(pid).read_text()), 0)


async def test_it_answers_probes_and_takes_events_while_a_credential_plugin_hangs(around: Around, hanging: Path):
    pid = hanging.with_name("plugin.pid")
    async with process("all", environ={**around.of("all"), "KUBECONFIG": str(hanging)}) as running:
        await running.wait_said("role_started", times=2)
        at = {started["role"]: started["at"][0] for started in running.said("role_started")}
        krt = Krt.at(at["web"], at["admin"])
        await until_on_wall_clock(pid.exists)

        async def accepted() -> bool:
            return (await krt.post(around.token())).status == 202

        await until_on_wall_clock(accepted)
        assert await krt.is_alive()
        assert any("not listed yet" in problem for problem in await krt.problems())
        os.kill(int(await trio.Path(pid).read_text()), SIGKILL)
        await running.wait_said("credentials_not_read")
        assert await krt.is_alive()


async def test_a_worker_that_does_not_know_its_cluster_yet_is_not_ready(around: Around):
    """It reads no event before that. Seen to fail with readiness that asks for the list alone: `ready`, and deaf."""
    around.stand_in.cluster.faults.add(Fault(status=503, verb="get", resource="namespaces"), times=None)
    async with process("worker", environ=around.of("worker")) as running:
        await running.wait_said("cluster_not_identified", times=2)
        await until_on_wall_clock(
            lambda: running.said("not_ready")[-1]["problems"] == ["cluster: default is not claimed yet"]
        )
        assert not running.said("ready")
        around.stand_in.cluster.faults.clear()
        await running.wait_said("ready")


async def test_a_request_in_hand_is_answered_before_it_ends(around: Around):
    async with process("web", environ=around.of("web")) as running:
        await running.wait_said("ready")
        krt = Krt.of(running)
        async with around.call_in_hand(krt) as stream:
            running.signal(SIGTERM)
            await running.wait_said("stopping")
            await until_on_wall_clock(lambda: refuses(krt.web))
            around.valkey.resume()
            with trio.fail_after(PATIENCE_SECONDS):
                reply = await read_to_end(stream)
        assert (reply.status, await running.ended()) == (202, 0)
    assert len(await around.journaled()) == 1


async def test_probes_are_answered_until_the_last_request_is(around: Around):
    async with process("web", environ=around.of("web")) as running:
        await running.wait_said("ready")
        krt = Krt.of(running)
        async with around.call_in_hand(krt):
            running.signal(SIGTERM)
            await running.wait_said("stopping")
            await until_on_wall_clock(lambda: refuses(krt.web))
            assert "stopping" in await krt.problems()
            assert await krt.is_alive()
            around.valkey.resume()
            assert await running.ended() == 0


async def test_a_patch_in_hand_is_finished_before_it_ends(around: Around):
    around.stand_in.cluster.faults.add(Fault(delay_seconds=0.5, verb="patch"))
    async with process("worker", environ=around.of("worker")) as running:
        await running.wait_said("ready")
        await around.publish(b'{"image":"ghcr.io/acme/shop","tags":["dev"]}')
        await until_on_wall_clock(lambda: around.stand_in.calls("patch"))
        code, _ = await running.stopped()
        assert code == 0
        assert MARK in around.stand_in.document("web")["metadata"]["annotations"]


async def test_what_does_not_end_is_cut_at_the_end_of_the_grace(around: Around):
    async with process("web", environ={**around.of("web"), "KRT_GRACE": "1s"}) as running:
        await running.wait_said("ready")
        krt = Krt.of(running)
        async with around.call_in_hand(krt):
            code, seconds = await running.stopped()
        around.valkey.resume()
        assert (code, "Traceback" in running.err) == (1, False), running.err
        assert 1 <= seconds < 1 + slack(3)


async def test_a_bug_ends_the_process_with_its_traceback(around: Around):
    async with program("-m", "tests.daemon.crashing", "web", environ=around.of("web")) as running:
        await running.wait_said("started")
        assert await running.ended() == 1
        assert "ZeroDivisionError: a bug, for the test" in running.err
        assert "in crash" in running.err


@pytest.mark.parametrize("variable", ["WEB_LISTEN_ADDR", "KRT_ADMIN_ADDR"])
async def test_a_taken_port_is_one_sentence(around: Around, variable: str):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        done = await finished("web", environ={**around.of("web"), variable: taken})
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if not line.startswith('{"time"')]
    [sentence] = said
    assert sentence.startswith(f"krt: cannot listen on {taken}: Address already in use; WEB_LISTEN_ADDR (or ")


async def test_one_port_for_both_listeners_is_one_sentence(around: Around):
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        port = probe_socket.getsockname()[1]
    both = dict.fromkeys(("WEB_LISTEN_ADDR", "KRT_ADMIN_ADDR"), f"127.0.0.1:{port}")
    done = await finished("web", environ={**around.of("web"), **both})
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


async def test_a_kubeconfig_that_cannot_be_used_is_one_sentence(around: Around, tmp_path):
    garbled = tmp_path / "garbled"
    garbled.write_text("clusters: [")
    done = await finished("worker", environ={**around.of("worker"), "KUBECONFIG": str(garbled)})
    assert done.returncode == 2
    (said,) = [line for line in done.stderr.splitlines() if not line.startswith('{"time"')]
    assert said.startswith(f"krt: KUBECONFIG (or --kubeconfig) '{garbled}': it is not YAML, ")


async def test_a_worker_that_is_in_no_cluster_says_so(around: Around):
    done = await finished("worker", environ={**around.of("worker"), "KUBECONFIG": ""})
    assert done.returncode == 2
    (said,) = [line for line in done.stderr.splitlines() if not line.startswith('{"time"')]
    assert said.startswith("krt: KUBECONFIG (or --kubeconfig) is not given, and this is not a pod")


async def test_everything_that_is_missing_is_said_at_once():
    done = await finished("all")
    assert done.returncode == 2
    for variable in ("VALKEY_ADDR", "ALLOWED_IMAGE_PREFIX", "GITHUB_OIDC_AUDIENCE", "GITHUB_ALLOWED_ORG"):
        assert variable in done.stderr
    assert "Traceback" not in done.stderr
