import json
import os
import re
import shutil
import signal
import sys
from math import ceil
from pathlib import Path

import pytest

from tests.client.actions import EVENT_ID, REQUEST_TOKEN, Actions, Reply, problem, running
from tests.client.reports import READY, a_cluster, a_report, a_target
from tests.client.runner import ACTION, Runner, the_action
from tests.fakes.pace import PATIENCE_SECONDS, slack

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the action is for Linux runners")


@pytest.fixture
def runner(tmp_path: Path, actions: Actions) -> Runner:
    actions.reports = [a_report("rolling", a_target()), READY]
    return Runner(tmp_path, actions.environ)


SHOP = {"image": "ghcr.io/acme/shop", "tags": "dev\nv1\n"}


def test_the_step_announces_the_image_and_waits(runner: Runner, actions: Actions) -> None:
    code, out, err = runner.run(SHOP)
    assert (code, out) == (0, "the rollout is ready: 1 ready\n"), err
    assert "::group::rollout of ghcr.io/acme/shop (dev, v1)" in err
    assert (warned(err), failed_for(err)) == ([], [])
    (post,) = actions.posts
    assert json.loads(post.body) == {"image": "ghcr.io/acme/shop", "tags": ["dev", "v1"]}
    assert "Deployment shop" in (runner.directory / "summary.md").read_text()


def test_only_what_the_lock_names_is_installed(runner: Runner) -> None:
    runner.run(SHOP)
    asked = (runner.temp / "pip").read_text().split()
    assert asked[:4] == ["-I", "-m", "pip", "install"]
    assert {"--require-hashes", "--no-deps", "--only-binary"} < set(asked)
    assert asked[-1] == str(ACTION / "requirements.lock")


def test_the_repository_of_the_job_has_no_say_in_what_runs(runner: Runner) -> None:
    for name in ("venv", "httpx", "krt", "sitecustomize"):
        (runner.work / f"{name}.py").write_text("raise SystemExit('not this one')")
    assert runner.run(SHOP, PYTHONPATH=str(runner.work))[0] == 0


def test_every_input_reaches_the_command(runner: Runner, actions: Actions) -> None:
    actions.reports = [a_report("no_match")]
    inputs = {
        **SHOP,
        "url": f"{actions.url}/event",
        "audience": "https://audience.example.com",
        "timeout": "20s",
        "allow-no-match": "true",
        "dry-run": "true",
    }
    code, _, _ = runner.run(inputs, KRT_URL="https://unused.example.com")
    assert code == 0
    assert actions.posts[0].target == "/event/dry-run"
    assert actions.asked[0].target.endswith("audience=https%3A%2F%2Faudience.example.com")


def test_a_file_of_authorities_reaches_the_command(runner: Runner) -> None:
    code, _, err = runner.run({**SHOP, "ca-file": "/nonexistent/ca.pem"})
    assert code == 2
    assert "--ca-file: the file cannot be read" in err


def test_without_wait_the_step_ends_with_the_acceptance(runner: Runner, actions: Actions) -> None:
    code, out, _ = runner.run({**SHOP, "wait": "false"})
    assert code == 0
    assert out.startswith("accepted: event ")
    assert actions.looks == []


def warned(err: str) -> list[str]:
    before = "::warning title=krt notify::"
    return [line.removeprefix(before) for line in err.splitlines() if line.startswith(before)]


def failed_for(err: str) -> list[str]:
    before = "::error title=krt notify::"
    return [line.removeprefix(before) for line in err.splitlines() if line.startswith(before)]


NO_OUTPUT = {"event": "", "state": "", "report": ""}


@pytest.mark.parametrize(
    ("inputs", "reports", "state"),
    [
        ({}, [a_report("rolling", a_target()), READY], "ready"),
        ({}, [a_report("failed", a_target(state="failed", reason="no"))], "failed"),
        ({}, [a_report("no_match")], "no_match"),
        ({"timeout": f"{ceil(slack(1))}s"}, [a_report("rolling", a_target())], "rolling"),
        ({"wait": "false"}, [READY], "accepted"),
    ],
)
def test_later_steps_of_the_job_read_the_event_its_last_state_and_its_report(
    runner: Runner, actions: Actions, inputs: dict[str, str], reports: list[Reply], state: str
) -> None:
    """Also of a step that fails: the runner takes its outputs, and `if: always()` sees them."""
    actions.reports = reports
    runner.run({**SHOP, **inputs})
    assert runner.outputs() == {"event": EVENT_ID, "state": state, "report": f"{actions.url}/events/{EVENT_ID}"}


@pytest.mark.parametrize("replies", [[Reply(401)], [problem(403, detail="no")]])
def test_what_krt_web_refused_has_no_outputs(runner: Runner, actions: Actions, replies: list[Reply]) -> None:
    actions.events = replies
    code, _, err = runner.run(SHOP)
    assert (code, runner.outputs()) == (2, NO_OUTPUT)
    assert failed_for(err)


def test_a_cancelled_step_leaves_the_event_to_later_steps(runner: Runner, actions: Actions) -> None:
    actions.reports = [Reply(silent=True)]
    process = runner.start(SHOP)
    assert actions.saw("/events/")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert runner.outputs() == {
        "event": EVENT_ID,
        "state": "accepted",
        "report": f"{actions.url}/events/{EVENT_ID}",
    }


def test_no_state_of_a_report_writes_an_output_of_its_own(runner: Runner, actions: Actions) -> None:
    actions.reports = [a_report("odd\nreport=https://evil.example.com\r\nevent<<x", final=True)]
    runner.run(SHOP)
    assert runner.outputs() == {
        "event": EVENT_ID,
        "state": "odd\\x0areport=https://evil.example.com\\x0d\\x0aevent<<x",
        "report": f"{actions.url}/events/{EVENT_ID}",
    }


def test_outputs_that_cannot_be_written_are_warned_of_and_change_nothing(runner: Runner) -> None:
    code, out, err = runner.run(SHOP, GITHUB_OUTPUT=str(runner.directory / "absent" / "output"))
    assert (code, out) == (0, "the rollout is ready: 1 ready\n")
    assert warned(err) == [
        "not written to GITHUB_OUTPUT (event, state, report): No such file or directory",
        "not written to GITHUB_OUTPUT (state): No such file or directory",
    ]


@pytest.mark.parametrize(
    ("inputs", "report", "warnings"),
    [
        ({}, READY, []),
        (
            {},
            a_report("ready", a_target(state="ready", warnings=["imagePullPolicy is not Always"], seconds=None)),
            ["Deployment shop/web: ready; warning: imagePullPolicy is not Always"],
        ),
        (
            {"dry-run": "true"},
            a_report("done", a_target(state="would_restart", warnings=["its rollout is paused"])),
            ["Deployment shop/web: would_restart; warning: its rollout is paused"],
        ),
        (
            {},
            a_report("ready", a_target(state="ready"), a_target("old", "skipped", reason="it is being deleted")),
            ["Deployment shop/old: skipped: it is being deleted"],
        ),
        ({}, a_report("ready", a_target(state="ready"), a_target("b", "skipped", reason="runs another tag")), []),
        (
            {"allow-no-match": "true"},
            a_report("no_match", a_target(state="skipped", reason="pinned by digest")),
            [
                "nothing was restarted for ghcr.io/acme/shop with tag dev or v1: 1 skipped",
                "Deployment shop/web: skipped: pinned by digest",
            ],
        ),
        (
            {},
            a_report("ready", a_target(state="ready"), clusters=[a_cluster(), a_cluster("prod", "left")]),
            ["cluster prod: left since 2026-11-21T12:00:00.000Z"],
        ),
    ],
)
def test_a_step_that_succeeds_warns_of_what_a_person_should_look_at(
    runner: Runner, actions: Actions, inputs: dict[str, str], report: Reply, warnings: list[str]
) -> None:
    actions.reports = [report]
    code, _, err = runner.run({**SHOP, **inputs})
    assert (code, warned(err), failed_for(err)) == (0, warnings, [])


def test_a_step_that_fails_has_errors_and_warns_of_the_rest(runner: Runner, actions: Actions) -> None:
    empty = a_target("b", "ready", warnings=["no replicas"], seconds=None)
    actions.reports = [a_report("failed", a_target(state="failed", reason="the rollout is paused"), empty)]
    code, _, err = runner.run(SHOP)
    assert (code, warned(err)) == (1, ["Deployment shop/b: ready; warning: no replicas"])
    assert failed_for(err) == [
        "the rollout failed: 1 failed, 1 ready",
        "Deployment shop/web: failed: the rollout is paused",
    ]


@pytest.mark.parametrize(
    ("replies", "reports", "code"),
    [([Reply(401)], [READY], 2), ([Reply(202)], [READY], 1), (None, [a_report("failed")], 1)],
)
def test_the_step_fails_with_the_code_of_the_command(
    runner: Runner, actions: Actions, replies: list[Reply] | None, reports: list[Reply], code: int
) -> None:
    actions.events = replies or actions.events
    actions.reports = reports
    assert runner.run(SHOP)[0] == code


HOSTILE = ["'\"; touch pwned; $(touch pwned) `touch pwned`\ntouch pwned", "--help"]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", ["image", "tags", "url", "audience", "wait", "timeout", "ca-file"])
def test_no_input_is_run_or_read_as_another_flag(runner: Runner, name: str, hostile: str) -> None:
    code, out, _ = runner.run({**SHOP, name: hostile})
    assert code == (0 if name == "audience" else 2)  # an audience may be any text
    assert "usage:" not in out
    assert list(runner.work.iterdir()) == []


def test_no_image_names_another_server(runner: Runner) -> None:
    with running(Actions()) as elsewhere:
        code, _, _ = runner.run({"image": f"--url={elsewhere.url}", "tags": "dev"})
    assert code == 2
    assert elsewhere.seen == []


@pytest.mark.parametrize("name", ["wait", "allow-no-match", "dry-run"])
def test_a_switch_is_true_or_false(runner: Runner, name: str) -> None:
    code, _, err = runner.run({**SHOP, name: "yes"})
    assert (code, err) == (2, f"::error title=krt notify::{name}: write true or false\n")
    assert runner.outputs() == NO_OUTPUT


def test_packages_that_cannot_be_installed_announce_nothing(runner: Runner, actions: Actions) -> None:
    code, _, err = runner.run(SHOP, PIP_EXIT="1")
    assert code == 3
    assert "::error title=krt notify::the packages" in err
    assert actions.seen == []


def test_packages_that_do_not_fit_together_announce_nothing(runner: Runner, actions: Actions) -> None:
    """Seen to fail without `pip check` in the action."""
    code, _, err = runner.run(SHOP, PIP_BROKEN="httpx 0.28.1 requires idna, which is not installed.")
    assert code == 3
    assert err.startswith("httpx 0.28.1 requires idna, which is not installed.\n::error title=krt notify::the packages")
    assert actions.seen == []


def test_a_python_that_is_too_old_ends_the_action_with_a_sentence(runner: Runner) -> None:
    for name in ("python3", "python3.13", "python3.12", "python3.11"):
        (runner.bin / name).write_text("#!/bin/sh\nexit 1\n")
        (runner.bin / name).chmod(0o755)
    code, _, err = runner.run(SHOP)
    assert code == 2
    assert err.startswith("::error title=krt notify::no Python of 3.11 or newer")


def test_a_cancelled_step_says_what_goes_on(runner: Runner, actions: Actions) -> None:
    actions.reports = [a_report("rolling", a_target()), Reply(silent=True)]
    process = runner.start(SHOP)
    assert actions.saw("/events/")
    assert actions.saw("/events/")
    process.send_signal(signal.SIGINT)  # the runner signals the process of the step, not its children
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "interrupted by SIGINT: the event was accepted as" in err


def test_no_input_stands_in_the_text_of_the_step() -> None:
    action = the_action()
    (step,) = action["runs"]["steps"]
    assert "${{" not in step["run"]
    assert "${{" not in (ACTION / "notify").read_text()
    assert step["env"] == {
        f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in action["inputs"]
    }


def test_the_lock_names_hashes_and_no_host() -> None:
    lock = (ACTION / "requirements.lock").read_text()
    packages = re.findall(r"^[a-z0-9-]+==", lock, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^[a-z0-9-]+==.* \\\n    --hash=sha256:", lock, re.MULTILINE))
    assert "://" not in lock


@pytest.mark.slow  # half a minute where the packages come from afar
def test_the_step_works_with_a_real_python_and_the_packages_of_the_lock(runner: Runner, actions: Actions) -> None:
    shutil.rmtree(runner.bin)
    runner.bin.symlink_to(Path(sys.executable).parent)
    of_pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_CERT_"))}
    code, out, err = runner.run(SHOP, **{"HOME": os.environ.get("HOME", ""), **of_pip})
    if code == 3 and re.search("connection|resolution|No matching distribution", err):
        pytest.skip("no packages can be had here")
    assert (code, out) == (0, "the rollout is ready: 1 ready\n"), err
    for name in REQUEST_TOKEN, *(token.split(".")[1] for token in actions.given):
        assert name not in re.sub("::add-mask::.*", "", out + err)
