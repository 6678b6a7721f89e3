"""The release workflow, the image's locks and the labels hold what docs/deployment.md says of them."""

import re
from typing import Any

import pytest
import yaml

from krt import __version__
from tests.deploy.rendered import DEPLOY

ROOT = DEPLOY.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CONTAINERFILE = (ROOT / "Containerfile").read_text()
LOCKS = [DEPLOY / "requirements.lock", DEPLOY / "build" / "requirements.lock"]


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_names_actions_by_commit_and_asks_for_no_more_than_it_needs(path: Any) -> None:
    text = path.read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert all(job["permissions"] and "timeout-minutes" in job for job in workflow["jobs"].values())
    used = re.findall(r"uses: (.*)", text)
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+", each)] == []
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.parent.name)
def test_every_package_of_the_image_is_locked_by_hash(path: Any) -> None:
    packages = re.split(r"^(?=[a-z0-9])", path.read_text(), flags=re.MULTILINE)[1:]
    assert packages
    assert [each for each in packages if not re.match(r"[\w.-]+==\S+", each) or "--hash=sha256:" not in each] == []


def test_the_image_is_built_of_nothing_that_is_not_locked() -> None:
    installs = re.findall(r"pip (?:install|wheel) (.*?)(?:&&|\n(?! ))", CONTAINERFILE.replace("\\\n", " "))
    assert len(installs) == 4
    assert all("--no-index" in each or "--require-hashes" in each for each in installs)
    for path in (str(lock.relative_to(ROOT)) for lock in LOCKS):
        assert f"COPY {path} {path}" in CONTAINERFILE


def test_the_image_runs_as_a_number_and_says_what_it_is() -> None:
    """runAsNonRoot can only be checked of a number."""
    assert "\nUSER 65532:65532\n" in CONTAINERFILE
    for label in ("title", "description", "version", "revision", "source"):
        assert f"org.opencontainers.image.{label}=" in CONTAINERFILE
    assert f"ARG VERSION={__version__} " in CONTAINERFILE


CLAIMS = re.compile(
    r"^\s*license\b|License ::|License-Expression|image\.licenses|^\s*license-files\b", re.MULTILINE | re.IGNORECASE
)
PLANTED = (
    'license = "MIT"',
    'license = {text = "Apache-2.0"}',
    'license-files = ["LICENSE"]',
    '    "License :: OSI Approved :: MIT License",',
    ' org.opencontainers.image.licenses="Apache-2.0" \\',
    "License-Expression: MIT",
)


def test_no_licence_is_claimed_that_the_owner_has_not_chosen() -> None:
    """Seen to fail with a field of pyproject.toml and a label of the image, while no file LICENSE was there."""
    assert [text for text in PLANTED if not CLAIMS.search(f"\n{text}\n")] == []
    places = [ROOT / "pyproject.toml", ROOT / "Containerfile", *DEPLOY.rglob("*.toml"), *DEPLOY.rglob("*.yaml")]
    claimed = [str(place) for place in places if CLAIMS.search(place.read_text())]
    assert claimed == [] or (ROOT / "LICENSE").is_file()


def test_only_the_target_for_jobs_has_the_program_cue() -> None:
    """The daemon reads no CUE and runs no program: the last stage is what is built without --target."""
    stages = re.split(r"^FROM ", CONTAINERFILE, flags=re.MULTILINE)[1:]
    assert [stage.splitlines()[0] for stage in stages][-4:] == [
        "${GO} AS cue",
        "${PYTHON} AS daemon",
        "daemon AS cli",
        "daemon",
    ]
    assert [stage for stage in stages if "--from=cue" in stage] == [stages[-2]]
    assert "COPY tests/cuelang/go.mod tests/cuelang/go.sum ./" in stages[-4]
    assert "GOFLAGS=-mod=readonly" in stages[-4]


def test_the_documented_version_of_cue_is_the_pinned_one() -> None:
    [version] = re.findall(r"cuelang\.org/go (v\S+)", (ROOT / "tests/cuelang/go.mod").read_text())
    assert f"cuelang.org/go/cmd/cue@{version}" in (ROOT / "docs/cue.md").read_text()
