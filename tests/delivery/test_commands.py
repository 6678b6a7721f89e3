"""krt apply, destroy, publish and unpublish as a person or a job runs them, on the real API server (H1 to H29)."""

import base64
import json
import os
import shutil
import stat
from hashlib import sha256
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals
from typing import Any

import pytest
import trio
import yaml

from tests.apiserver.kubelet import Kubelet
from tests.apiserver.objects import a_deployment
from tests.apiserver.pods import Ready, Unready
from tests.apiserver.server import ApiServer
from tests.contract.policy import policy_refusing
from tests.delivery.commands import SECRET, Desk
from tests.fakes.faults import Silence
from tests.fakes.polling import until_on_trio_clock
from tests.fakes.process import finished, is_running

pytestmark = pytest.mark.apiserver

WRITES = "^(PATCH|POST|PUT|DELETE) "
WEB = ["deployment/web"]
GKE = "platform/gcp/gke-kubeconfig#gke_burst_kubeconfig"


def publish_state(desk: Desk, document: dict[str, Any]) -> None:
    """Write the record of another module, as HybridOps does."""
    file = desk.state / "modules" / "platform__gcp__gke-kubeconfig" / "instances" / "gke_burst_kubeconfig.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(document))


async def test_the_documents_inputs_and_commands_work_as_they_stand(desk: Desk, kubelet: Kubelet) -> None:
    """The inputs are those of the document but for the values that are places and names of a machine's own."""
    await desk.server.apply(a_deployment("showcase-burst-web", namespace=desk.namespace))
    publish_state(desk, {"status": "ok", "outputs": {"kubeconfig_path": desk.inputs["kubeconfig_path"]}})
    desk.write(os.urandom(600 * 1024))
    desk.inputs = {
        "kubeconfig_state_ref": GKE,
        "namespace": desk.namespace,
        "secret_name": "academy-website-runtime",
        "bundle_source_path": "~/runtime-bundle.tgz",
        "bundle_key": "dist.tgz",
        "restart_targets": ["deployment/showcase-burst-web"],
        "rollout_timeout_s": 300,
    }
    applied = await desk.run("apply", instance="burst_runtime_proof")
    assert applied.code == 0, applied
    digest = sha256(desk.bundle.read_bytes()).hexdigest()
    assert desk.record("burst_runtime_proof")["outputs"] == {
        "namespace": desk.namespace,
        "secret_name": SECRET,
        "bundle_key": "dist.tgz",
        "bundle_sha256": digest,
        "restarted_targets": ["deployment/showcase-burst-web"],
        "cap.k8s.runtime_bundle_secret": "ready",
    }
    file = desk.record_file("burst_runtime_proof")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    if jq := shutil.which("jq"):
        said = await trio.run_process([jq, ".status, .outputs", str(file)], capture_stdout=True)
        assert said.stdout.startswith(b'"ok"\n{')
    assert base64.b64decode((await desk.secret())["data"]["dist.tgz"]) == desk.bundle.read_bytes()
    desk.bundle.unlink()
    for _ in range(2):
        destroyed = await desk.run("destroy", instance="burst_runtime_proof")
        assert destroyed.code == 0, destroyed
    record = desk.record("burst_runtime_proof")
    assert (record["status"], record["outputs"]) == ("destroyed", {"cap.k8s.runtime_bundle_secret": "absent"})
    left = await desk.server.kubectl("-n", desk.namespace, "get", "secret", SECRET)
    assert "NotFound" in left.err


async def test_the_same_bytes_again_are_one_read_and_no_write(desk: Desk, kubelet: Kubelet) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace), a_deployment("other", namespace=desk.namespace))
    assert (await desk.run("apply", restart_targets=WEB)).code == 0
    before = await desk.secret()
    desk.forget()
    again = await desk.run("apply", "-o", "json", restart_targets=WEB)
    assert again.code == 0
    assert json.loads(again.out)["outputs"]["restarted_targets"] == []
    assert desk.record()["outputs"]["restarted_targets"] == []
    assert desk.asked(".") == [f"GET /api/v1/namespaces/{desk.namespace}/secrets/{SECRET}"]
    assert await desk.secret() == before
    desk.write(b"two")
    assert (await desk.run("apply", restart_targets=WEB)).code == 0
    assert await desk.restarts() == {"web": 2, "other": 0}


async def test_a_failing_rollout_keeps_the_outputs_and_is_made_again(desk: Desk, kubelet: Kubelet) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace, progressDeadlineSeconds=2))
    assert (await desk.run("apply", restart_targets=WEB)).code == 0
    outputs = desk.record()["outputs"]
    kubelet.decide(Unready())
    desk.write(b"two")
    failed = await desk.run("apply", "-o", "json", restart_targets=WEB)
    assert failed.code == 1
    assert "has timed out progressing" in json.loads(failed.out)["error"]
    described = await desk.server.kubectl("-n", desk.namespace, "get", "deployment", "web", "-o", "json")
    conditions = {each["type"]: each["message"] for each in json.loads(described.out)["status"]["conditions"]}
    record = desk.record()
    assert conditions["Progressing"] in record["last_error"]
    assert (record["status"], record["failed_command"], record["outputs"]) == ("error", "apply", outputs)
    kubelet.decide(Ready())
    assert (await desk.run("apply", restart_targets=WEB)).code == 0
    assert desk.record()["outputs"]["restarted_targets"] == WEB


async def test_a_rollout_that_takes_too_long_ends_with_how_far_it_came(desk: Desk, kubelet: Kubelet) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    kubelet.decide(Unready())
    failed = await desk.run("apply", restart_targets=WEB, rollout_timeout_s=1)
    assert failed.code == 1
    assert "deployment/web: not ready within 1 s; " in failed.err
    assert desk.record()["status"] == "error"


async def test_a_record_that_cannot_be_written_at_the_end_says_how_the_run_has_ended(
    desk: Desk, kubelet: Kubelet
) -> None:
    """Seen to fail with the bare sentence about the record: the guide said that nothing was written then."""
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    kubelet.decide(Unready())
    async with desk.running("apply", restart_targets=WEB) as run:
        await until_on_trio_clock(lambda: "progressing" in run.err)
        shutil.rmtree(desk.record_file().parent)
        kubelet.decide(Ready())
        assert await run.ended() == 1
    assert (
        f"cannot be written: No such file or directory; the run itself has ended well: Secret {desk.namespace}"
        in run.err
    )
    assert await desk.secret()


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"kubeconfig_path": "/nowhere"}, "Resolved kubeconfig_path does not exist: /nowhere"),
    ({"bundle_source_path": "/nowhere"}, "inputs.bundle_source_path must point to an existing file on the controller"),
    ({"bundle_source_path": "/usr"}, "inputs.bundle_source_path must point to a file, not a directory: /usr"),
    ({"bundle_source_path": "<path>"}, "inputs.bundle_source_path must not contain placeholder values"),
    ({"namespace": ""}, "inputs.namespace must be a non-empty string"),
    ({"ensure_namespace": "yes"}, "inputs.ensure_namespace must be a boolean"),
    ({"rollout_timeout_s": 0}, "inputs.rollout_timeout_s must be >= 1 when set"),
    ({"restart_targets": "deployment/web"}, "inputs.restart_targets must be a list"),
    ({"restart_targets": ["pod/web"]}, "inputs.restart_targets[1] must be KIND/NAME"),
    ({"bundle_kye": "x"}, "inputs.bundle_kye is unknown: did you mean bundle_key?"),
    ({"kubeconfig_path": None}, "inputs.kubeconfig_path or inputs.kubeconfig_state_ref is required"),
    ({"kubeconfig_path": None, "kubeconfig_state_ref": "platform/gcp/none"}, "state is unavailable: "),
    ({"kubeconfig_path": None, "kubeconfig_state_ref": GKE}, "is not ready (status=error). Re-apply upstream module"),
]


async def test_bad_inputs_are_refused_without_any_request_and_leave_the_record(desk: Desk) -> None:
    assert (await desk.run("apply")).code == 0
    record = desk.record_file().read_bytes()
    publish_state(desk, {"status": "error", "outputs": {}})
    desk.forget()
    desk.write(b"two")
    for inputs, sentence in REFUSALS:
        refused = await desk.run("apply", **inputs)
        assert (refused.code, sentence in refused.err) == (2, True), (inputs, refused)
        assert "Traceback" not in refused.err
    desk.write(b"x" * (1024 * 1024 + 1))
    refused = await desk.run("apply")
    assert (refused.code, "has 1048577 bytes, and a Secret holds at most 1048576" in refused.err) == (2, True)
    assert desk.asked(".") == []
    assert desk.record_file().read_bytes() == record


async def test_all_problems_are_told_at_once(desk: Desk) -> None:
    refused = await desk.run("apply", "-o", "json", namespace="<ns>", secret_name="", bundle_source_path="/nowhere")
    problems = json.loads(refused.out)["error"]
    assert all(word in problems for word in ("inputs.namespace", "inputs.secret_name", "an existing file"))


async def test_a_whole_mebibyte_fits(desk: Desk) -> None:
    desk.write(os.urandom(1024 * 1024))
    assert (await desk.run("apply")).code == 0
    assert base64.b64decode((await desk.secret())["data"]["dist.tgz"]) == desk.bundle.read_bytes()


async def test_two_instances_are_independent(desk: Desk) -> None:
    assert (await desk.run("apply", instance="one", secret_name="first")).code == 0
    assert (await desk.run("apply", instance="two", secret_name="second")).code == 0
    assert (await desk.run("destroy", instance="one", secret_name="first")).code == 0
    assert (desk.record("one")["status"], desk.record("two")["status"]) == ("destroyed", "ok")
    assert await desk.server.get("Secret", desk.namespace, "second", "v1")


async def test_two_runs_of_one_instance_at_once_are_one_run_and_a_sentence(desk: Desk, kubelet: Kubelet) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    kubelet.decide(Unready())
    async with desk.running("apply", restart_targets=WEB) as first:
        await until_on_trio_clock(lambda: "progressing" in first.err)
        refused = await desk.run("apply", restart_targets=WEB)
        assert refused.code == 1
        assert f"another run, process {first.pid}, is under way with the state record" in refused.err
        assert is_running(first.pid)
        kubelet.decide(Ready())
        assert await first.ended() == 0
    assert await desk.restarts() == {"web": 1}


async def test_of_two_runs_with_other_bytes_the_later_one_wins(desk: Desk, kubelet: Kubelet) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    kubelet.decide(Unready())
    async with desk.running("apply", instance="one", restart_targets=WEB) as first:
        await until_on_trio_clock(lambda: "progressing" in first.err)
        desk.write(b"two")
        async with desk.running("apply", instance="two", restart_targets=WEB) as second:
            assert await first.ended() == 1
            assert f"superseded by bundle {sha256(b'two').hexdigest()[:12]}" in first.err
            kubelet.decide(Ready())
            assert await second.ended() == 0
    assert base64.b64decode((await desk.secret())["data"]["dist.tgz"]) == b"two"
    assert desk.record("two")["outputs"]["restarted_targets"] == WEB


@pytest.mark.parametrize("signal", [SIGINT, SIGTERM])
async def test_a_signal_ends_a_run_with_a_sentence_and_a_right_record(
    desk: Desk, kubelet: Kubelet, signal: Signals
) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    kubelet.decide(Unready())
    async with desk.running("apply", restart_targets=WEB) as run:
        await until_on_trio_clock(lambda: "progressing" in run.err)
        run.signal(signal)
        assert await run.ended() == 128 + signal
    assert f"interrupted by {signal.name}: Secret {desk.namespace}/{SECRET} may be written; the restarts" in run.err
    assert "Traceback" not in run.err
    assert desk.record()["status"] == "error"
    kubelet.decide(Ready())
    assert (await desk.run("apply", restart_targets=WEB)).code == 0
    assert await desk.restarts() == {"web": 1}


async def test_a_signal_before_the_first_write_leaves_the_record(desk: Desk) -> None:
    assert (await desk.run("apply")).code == 0
    record = desk.record_file().read_bytes()
    desk.proxy.faults.on("GET ", Silence())
    desk.forget()
    async with desk.running("apply") as run:
        await desk.proxy.faults.wait_request("GET ")
        run.signal(SIGTERM)
        assert await run.ended() == 143
    assert "interrupted by SIGTERM: nothing was written" in run.err
    assert desk.record_file().read_bytes() == record


async def test_a_write_that_is_refused_leaves_the_record_as_it_was(desk: Desk) -> None:
    assert (await desk.run("apply")).code == 0
    record = desk.record_file().read_bytes()
    account = await desk.server.account(desk.namespace, "reader", [rule(["secrets"], ["get", "list", "watch"])])
    desk.write(b"two")
    refused = await desk.run("apply", kubeconfig_path=str(account.kubeconfig))
    assert refused.code == 1
    assert f"applying Secret {desk.namespace}/{SECRET}: " in refused.err
    assert 'cannot patch resource "secrets"' in refused.err
    assert desk.record_file().read_bytes() == record


@pytest.mark.parametrize("verbs", [[], ["get", "list", "patch"]])
async def test_a_run_that_may_not_watch_its_target_writes_nothing(desk: Desk, verbs: list[str]) -> None:
    of_targets = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": verbs or ["get"]}
    account = await desk.server.account(desk.namespace, "writer", [rule(["secrets"], ["*"]), of_targets])
    refused = await desk.run("apply", kubeconfig_path=str(account.kubeconfig), restart_targets=WEB)
    assert refused.code == 1
    assert f"watching Deployment {desk.namespace}/web: " in refused.err
    assert "NotFound" in (await desk.server.kubectl("-n", desk.namespace, "get", "secret", SECRET)).err


async def test_a_restart_that_a_policy_refuses_stays_owed(desk: Desk, kubelet: Kubelet) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    async with policy_refusing(desk.server, desk.namespace, 422):
        refused = await desk.run("apply", restart_targets=WEB)
    assert refused.code == 1
    assert "restarting deployment/web: " in refused.err
    assert (await desk.run("apply", restart_targets=WEB)).code == 0
    assert await desk.restarts() == {"web": 1}


async def test_a_dry_run_lets_the_server_judge_and_writes_nothing(desk: Desk, kubelet: Kubelet) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    planned = await desk.run("apply", "--dry-run", restart_targets=[*WEB, "deployment/nobody"])
    assert planned.code == 0, planned
    assert "would be created: key dist.tgz: 3 bytes, SHA-256 7692c3ad3540..." in planned.err
    assert f"Deployment {desk.namespace}/web: would be restarted" in planned.err
    assert f"Deployment {desk.namespace}/nobody: skipped: it is not there" in planned.err
    assert desk.asked(WRITES) == desk.asked("^PATCH .*dryRun=All")
    assert not desk.record_file().exists()
    assert "NotFound" in (await desk.server.kubectl("-n", desk.namespace, "get", "secret", SECRET)).err
    kubectl = desk.server.kubectl
    await kubectl("-n", desk.namespace, "create", "secret", "generic", SECRET, "--from-literal=a=b")
    planned = await desk.run("apply", "--dry-run", "-o", "json")
    [target] = json.loads(planned.out)["report"]["targets"]
    assert (target["change"], target["state"]) == ("configured", "planned")
    assert target["reason"].endswith("; key a is removed")


async def test_destroy_without_its_kubeconfig_deletes_nothing_and_ends_well(desk: Desk) -> None:
    assert (await desk.run("apply")).code == 0
    gone = await desk.run("destroy", kubeconfig_path="/nowhere")
    assert (gone.code, gone.out) == (0, "/nowhere does not exist, so nothing was deleted from its cluster\n")
    assert desk.record()["status"] == "destroyed"
    assert await desk.secret()


async def test_destroy_fails_while_a_finalizer_holds_the_secret_and_keeps_the_outputs(desk: Desk) -> None:
    """Seen to fail: it ended with 0, and the record said `destroyed`."""
    assert (await desk.run("apply")).code == 0
    outputs = desk.record()["outputs"]
    patch = ("-n", desk.namespace, "patch", "secret", SECRET, "-p")
    await desk.server.kubectl(*patch, '{"metadata": {"finalizers": ["acme.com/hold"]}}')
    held = await desk.run("destroy", rollout_timeout_s=1)
    assert (held.code, held.out) == (1, "")
    assert "not gone within 1 s; its deletion has begun; finalizers: acme.com/hold" in held.err
    record = desk.record()
    assert (record["status"], record["failed_command"], record["outputs"]) == ("error", "destroy", outputs)
    async with desk.running("destroy") as run:
        await until_on_trio_clock(lambda: "finalizers: acme.com/hold" in run.err)
        run.signal(SIGTERM)
        assert await run.ended() == 143
    assert f"the deletion of Secret {desk.namespace}/{SECRET} may have begun, and the same command" in run.err
    async with desk.running("destroy") as run:
        await until_on_trio_clock(lambda: "finalizers: acme.com/hold" in run.err)
        await desk.server.kubectl(*patch, '{"metadata": {"finalizers": null}}')
        assert await run.ended() == 0
    assert run.out == f"Secret {desk.namespace}/{SECRET}: deleted\n"
    assert desk.record()["status"] == "destroyed"


async def test_in_a_github_job_lines_are_folded_and_the_step_has_outputs(
    desk: Desk, kubelet: Kubelet, tmp_path: Path
) -> None:
    await desk.server.apply(a_deployment(namespace=desk.namespace))
    page, outputs = tmp_path / "summary", tmp_path / "outputs"
    done = await finished(
        *("publish", str(desk.bundle), "--namespace", desk.namespace, "--secret", SECRET),
        *("--restart", "deploy/web", "--restart", "deploy/nobody", "--key", "k", "--kubeconfig"),
        desk.inputs["kubeconfig_path"],
        environ={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page), "GITHUB_OUTPUT": str(outputs)},
    )
    assert done.returncode == 0, done
    assert f"::group::delivery of Secret {desk.namespace}/{SECRET}\n" in done.stderr
    assert f"::warning title=krt publish::Deployment {desk.namespace}/nobody: skipped: it is not there" in done.stderr
    assert outputs.read_text().splitlines() == [
        "status=ok",
        f"bundle_sha256={sha256(b'one').hexdigest()}",
        "restarted_targets=deployment/web",
    ]
    assert "### krt: " in page.read_text()
    assert base64.b64decode((await desk.secret())["data"]["k"]) == b"one"


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
async def test_a_namespace_that_is_missing_is_told_by_the_flag_and_nothing_is_written(
    desk: Desk, dry_run: tuple[str, ...]
) -> None:
    """Seen to fail with the input's name of the other command, and with exit code 1."""
    where = ("-n", "no-such-namespace", "--secret", SECRET, "--kubeconfig", desk.inputs["kubeconfig_path"])
    refused = await finished("publish", str(desk.bundle), *where, "--no-create-namespace", *dry_run)
    assert refused.returncode == 2
    hint = "the namespace no-such-namespace does not exist: create it, or leave out --no-create-namespace"
    assert refused.stderr.splitlines()[-1] == f"krt publish: {hint}"
    by_inputs = await desk.run("apply", *dry_run, namespace="no-such-namespace", ensure_namespace=False)
    assert (by_inputs.code, "or set inputs.ensure_namespace: true" in by_inputs.err) == (2, True)


async def test_publish_takes_the_files_name_as_key_and_writes_a_record_where_it_is_told(desk: Desk) -> None:
    state = desk.home / "state.json"
    where = ("--namespace", desk.namespace, "--secret", SECRET, "--state", str(state))
    environ = {"KUBECONFIG": desk.inputs["kubeconfig_path"]}
    published = await finished("publish", str(desk.bundle), *where, environ=environ)
    assert published.returncode == 0, published
    assert list((await desk.secret())["data"]) == ["runtime-bundle.tgz"]
    assert json.loads(state.read_text())["status"] == "ok"
    unpublished = await finished("unpublish", *where, environ=environ)
    assert (unpublished.returncode, unpublished.stdout) == (0, f"Secret {desk.namespace}/{SECRET}: deleted\n")
    assert json.loads(state.read_text())["status"] == "destroyed"


def rule(resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": resources, "verbs": verbs}


async def test_the_role_of_the_docs_suffices(apiserver: ApiServer, desk: Desk, kubelet: Kubelet) -> None:
    """Seen to fail without `create` of the Secret, and without `watch` of the Deployment."""
    text = (Path(__file__).parents[2] / "docs" / "delivery.md").read_text()
    [role] = [each for each in text.split("```yaml\n")[1:] if each.startswith("apiVersion: rbac")]
    rules = yaml.safe_load(role.partition("```")[0])["rules"]
    account = await apiserver.account(desk.namespace, "publisher", rules)
    await apiserver.apply(a_deployment(namespace=desk.namespace))
    inputs = {"kubeconfig_path": str(account.kubeconfig), "secret_name": "site", "restart_targets": WEB}
    for content in (b"one", b"two"):
        desk.write(content)
        applied = await desk.run("apply", **inputs)
        assert applied.code == 0, applied
    assert await desk.restarts() == {"web": 2}
    assert (await desk.run("destroy", **inputs)).code == 0
