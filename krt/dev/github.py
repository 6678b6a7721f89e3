"""Makes the claims that GitHub puts into a job's token (docs.github.com, "OpenID Connect reference")."""

import uuid
from dataclasses import dataclass
from typing import Any

LIFE_SECONDS = 300
BACKDATED_SECONDS = 600  # nbf is this long before iat
SHA = "796a6cfb48152b077701fced55d480bf1d90e1e2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The job that asks for a token: its repository, and the event that started it."""

    owner: str = "acme"
    owner_id: str = "65"
    repository: str = "shop"
    repository_id: str = "74"
    visibility: str = "private"
    actor: str = "octocat"
    actor_id: str = "12"
    event: str = "push"
    ref: str = "refs/heads/main"
    workflow: str = "CI"
    workflow_path: str = ".github/workflows/ci.yml"
    environment: str = ""
    run_id: str = "1959414638"

    @property
    def subject(self) -> str:
        """The `sub` claim, in the form for repositories created since July 2026. krt ignores it."""
        what = f"ref:{self.ref}"
        if self.event == "pull_request":
            what = "pull_request"
        if self.environment:
            what = f"environment:{self.environment}"
        return f"repo:{self.owner}@{self.owner_id}/{self.repository}@{self.repository_id}:{what}"


def github_claims(issuer: str, audience: str, issued_at: int, job: Job, **overrides: object) -> dict[str, Any]:
    """A complete set of claims, with a new `jti`. `issued_at` is in seconds since the epoch.

    `overrides` replace claims; the value `...` removes one.
    """
    name = f"{job.owner}/{job.repository}"
    workflow_ref = f"{name}/{job.workflow_path}@{job.ref}"
    claims: dict[str, Any] = {
        "jti": str(uuid.uuid4()),
        "sub": job.subject,
        "aud": audience,
        "ref": job.ref,
        "sha": SHA,
        "repository": name,
        "repository_owner": job.owner,
        "repository_owner_id": job.owner_id,
        "run_id": job.run_id,
        "run_number": "15",
        "run_attempt": "1",
        "repository_visibility": job.visibility,
        "repository_id": job.repository_id,
        "actor_id": job.actor_id,
        "actor": job.actor,
        "workflow": job.workflow,
        "head_ref": "",
        "base_ref": "",
        "event_name": job.event,
        "ref_protected": "true",
        "ref_type": "tag" if job.ref.startswith("refs/tags/") else "branch",
        "workflow_ref": workflow_ref,
        "workflow_sha": SHA,
        "job_workflow_ref": workflow_ref,
        "job_workflow_sha": SHA,
        "runner_environment": "github-hosted",
        "check_run_id": "54190233111",
        "iss": issuer,
        "nbf": issued_at - BACKDATED_SECONDS,
        "iat": issued_at,
        "exp": issued_at + LIFE_SECONDS,
    }
    claims |= {"environment": job.environment} if job.environment else {}
    return {claim: value for claim, value in (claims | overrides).items() if value is not ...}
