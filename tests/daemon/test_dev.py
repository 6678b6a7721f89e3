"""`krt all --dev`, from its first line to its last."""

import sys
from signal import SIGKILL, SIGTERM

import httpx
import pytest

from tests.fakes.pace import slack
from tests.fakes.polling import until_on_wall_clock
from tests.fakes.process import children, finished, is_running, pasted, process

PORTS = ("--listen-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")


def the_line(out: str) -> str:
    """The line that is printed to be pasted."""
    (line,) = [line for line in out.splitlines() if " notify " in line]
    return line


async def test_the_line_that_it_prints_works_as_pasted_and_restarts_what_runs_the_image():
    async with process("all", "--dev", *PORTS) as krt:
        await krt.wait_said("ready")
        done = await pasted(the_line(krt.out))
        assert (done.returncode, done.stderr) == (0, ""), done
        await krt.wait_said("workload_restarted", times=2)
        restarted = {line["workload"] for line in krt.said("workload_restarted")}
        assert restarted == {"Deployment shop/web", "Deployment shop/worker"}
        (accepted,) = krt.said("event_accepted")
        assert {line["event_id"] for line in krt.said("workload_restarted")} == {accepted["event_id"]}
        code, seconds = await krt.stopped()
        assert (code, "Traceback" in krt.err) == (0, False), krt.err
        assert seconds < slack(1)


async def test_the_line_with_the_bundle_instead_reaches_the_bundle_deployment():
    async with process("all", "--dev", *PORTS) as krt:
        await krt.wait_said("ready")
        done = await pasted(f"{the_line(krt.out).replace('acme/shop ', 'acme/shop-bundle ')} --wait")
        assert done.returncode == 0, done
        assert "BundleDeployment shop: ready" in done.stderr, done


async def test_it_says_where_it_can_be_asked_whether_it_is_ready():
    async with process("all", "--dev", *PORTS) as krt:
        await krt.wait_said("ready")
        where = krt.out.partition("live page at ")[2].split()[0]
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{where}/readyz")).json() == {"ready": True, "problems": []}


async def test_settings_of_a_shell_do_not_lead_it_to_a_real_cluster_or_valkey():
    environ = {"KUBECONFIG": "/nonexistent", "VALKEY_ADDR": "127.0.0.1:1", "KRT_OIDC_ISSUER": "http://127.0.0.1:1"}
    async with process("all", "--dev", *PORTS, environ=environ) as krt:
        await krt.wait_said("ready")


async def test_it_listens_on_this_machine_alone():
    done = await finished("all", "--dev", "--listen-addr", ":8080")
    assert done.returncode == 2
    assert "--dev listens on this machine only" in done.stderr
    assert "Traceback" not in done.stderr


@linux
async def test_its_valkey_ends_with_it():
    async with process("all", "--dev", *PORTS) as krt:
        await krt.wait_said("ready")
        embedded = children(krt.pid)
        assert len(embedded) == 1
        await krt.stopped(SIGTERM)
        assert not is_running(embedded[0])


@linux
async def test_sigkill_leaves_no_process_behind():
    async with process("all", "--dev", *PORTS) as krt:
        await krt.wait_said("ready")
        embedded = children(krt.pid)
        assert embedded
        await krt.stopped(SIGKILL)
        await until_on_wall_clock(lambda: not any(map(is_running, embedded)))
