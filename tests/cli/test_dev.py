import shlex
import signal
import subprocess
from pathlib import Path
from typing import IO

import pytest
import trio

from krt.cli.dev import _check_loopback
from krt.dev.valkey import open_valkey
from krt.errors import SettingsInvalid
from krt.settings.load import load
from tests.cli.commands import ROOT, a_process, run
from tests.fakes.pace import PATIENCE_SECONDS
from tests.settings.environments import WEB

ANYWHERE = ("--listen-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0")


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.8.8.8:80", "localhost:8080", "[::1]:8080"])
def test_dev_listens_on_loopback(address: str) -> None:
    _check_loopback(load("all", {}, {**WEB, "WEB_LISTEN_ADDR": address, "KRT_ADMIN_ADDR": address}))


@pytest.mark.parametrize(
    "address",
    [":8080", "0.0.0.0:8080", "[::]:0", "10.1.2.3:80", "[fd00::1]:80", "localhost.example:80", "example.com:80"],
)
def test_dev_refuses_an_address_that_others_reach(address: str) -> None:
    settings = load("all", {}, {**WEB, "WEB_LISTEN_ADDR": address, "KRT_ADMIN_ADDR": address})
    with pytest.raises(SettingsInvalid) as caught:
        _check_loopback(settings)
    assert [problem.split(" ")[0] for problem in caught.value.problems] == ["WEB_LISTEN_ADDR", "KRT_ADMIN_ADDR"]


def test_dev_needs_no_setting_and_its_line_works_as_pasted_elsewhere(tmp_path: Path) -> None:
    # Variables that a shell may hold: none of them leads it anywhere else.
    left = {
        "KUBECONFIG": str(tmp_path / "absent"),
        "VALKEY_ADDR": "valkey.example.com:6379",
        "VALKEY_PASSWORD": "x",
        "VALKEY_PASSWORD_FILE": "/absent",
        "VALKEY_TLS_ENABLED": "true",
        "KRT_VALKEY_CA_FILE": "/absent",
        "KRT_OIDC_ISSUER": "https://issuer.example.com",
    }
    with a_process(["all", "--dev", *ANYWHERE], left) as process:
        assert process.stdout is not None
        greeting = list(iter(process.stdout.readline, "Send it an event from a second terminal:\n"))
        assert process.stdout.readline() == "\n"
        line = process.stdout.readline()
        assert all("127.0.0.1" in part or "/" in part for part in greeting[1:])
        environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}  # the package is not installed here
        pasted = subprocess.run(
            ["sh", "-c", line],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert pasted.stdout.startswith("accepted: event ")
        assert pasted.returncode == 0
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate()
    assert process.returncode == 0
    assert "workload_restarted" in log


def test_the_line_names_krt_by_its_absolute_path() -> None:
    with a_process(["all", "--dev", *ANYWHERE], {}) as process:
        assert process.stdout is not None
        line = next(line for line in iter(process.stdout.readline, "") if line.startswith("KRT_URL="))
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 0
    command = next(word for word in shlex.split(line) if "=" not in word)
    assert Path(command).is_absolute()


def test_dev_tells_what_is_wrong_with_what_it_was_given() -> None:
    end = run("all", "--dev", "--listen-addr=:0", "--admin-addr=0.0.0.0:0")
    assert (end.code, end.out) == (2, "")
    assert [line.split(" ")[1] for line in end.err.splitlines()] == ["WEB_LISTEN_ADDR", "KRT_ADMIN_ADDR"]


async def test_a_valkey_that_a_flag_names_is_used_by_the_user_of_the_variables() -> None:
    """Seen to fail with these variables ignored: krt asked for the VALKEY_PASSWORD that it had been given."""
    users = ["user default off", "user krt on >secret ~* &* +@all"]
    async with open_valkey(users=users, port=0) as valkey:
        argv = ["all", "--dev", *ANYWHERE, f"--valkey-addr={valkey.address}"]
        with a_process(argv, {"VALKEY_USERNAME": "krt", "VALKEY_PASSWORD": "secret"}) as process:
            assert process.stderr is not None
            log = await trio.to_thread.run_sync(_until_channel, process.stderr)
            process.send_signal(signal.SIGTERM)
    assert "channel_subscribed" in log
    assert "asks for a password" not in log


def _until_channel(lines: IO[str]) -> str:
    """The log to the line that says that the worker hears the channel; all of it, if there is none."""
    log = []
    for line in lines:
        log.append(line)
        if "channel_subscribed" in line or "asks for a password" in line:
            break
    return "".join(log)
