"""krt web and krt worker, signed in as the users of deploy/valkey/users.acl, do their work from end to end."""

import sys
from pathlib import Path

import trio

from krt.broker.client import open_client
from krt.broker.endpoint import parse_endpoint
from krt.dev.embed import Embedded, embedded
from krt.dev.valkey import open_valkey
from tests.fakes.pace import PATIENCE_SECONDS
from tests.fakes.valkey_users import ADMIN, deployed_users, password_of
from tests.fault.krt_process import Krt


async def test_an_event_becomes_a_rollout_under_the_deployed_acl(tmp_path: Path) -> None:
    async with embedded(valkey=False) as dev, open_valkey(users=[*deployed_users(), ADMIN], durable=True) as valkey:
        web, worker = (a_process(role, tmp_path, dev, valkey.address) for role in ("web", "worker"))
        try:
            for each in (web, worker):
                each.spawn()
            for each in (web, worker):
                await each.wait_ready()
            assert await notify(dev, web.url) == 0
        finally:
            for each in (web, worker):
                each.process.send_kill()
                each.process.reap()
        async with open_client(parse_endpoint(valkey.address.replace("unix://", "unix://admin:any@"))) as admin:
            denied = await admin.call("ACL", "LOG")
    logs = web.log.read_text() + worker.log.read_text()
    assert "does not let user" not in logs
    assert isinstance(denied, list)
    assert [(entry[entry.index(b"username") + 1], entry[entry.index(b"object") + 1]) for entry in denied] == [
        (b"krt-web", b"config|get")  # what fsync is set to: the worker may see it, and says it
    ]


def a_process(role: str, folder: Path, dev: Embedded, address: str) -> Krt:
    user = f"krt-{role}"
    of_role = {"web": ("KRT_OIDC_ISSUER", "GITHUB_OIDC_AUDIENCE", "GITHUB_ALLOWED_ORG"), "worker": ("KUBECONFIG",)}
    settings = {name: dev.environ[name] for name in (*of_role[role], "ALLOWED_IMAGE_PREFIX")}
    signed_in = {"VALKEY_ADDR": address, "VALKEY_USERNAME": user, "VALKEY_PASSWORD": password_of(user)}
    return Krt(role, folder, settings | signed_in)


async def notify(dev: Embedded, url: str) -> int:
    """What a job would run, to the end of the rollout; its exit code."""
    command = [sys.executable, "-m", "krt", "notify", dev.image, "--tags", ",".join(dev.tags)]
    with trio.fail_after(PATIENCE_SECONDS):
        done = await trio.run_process([*command, "--url", url, "--wait"], env=dict(dev.job_environ), check=False)
    return done.returncode
