"""The summary of an App: each linked Deployment is a row, whatever the status says of it."""

from typing import Any

from krt.core.app_secrets.app import read_app
from krt.core.app_secrets.app_summary import UNSEEN, LinkSetting, link_rows, messages_of, problems_of


def an_app(status: dict[str, Any], **spec: Any) -> Any:
    environments = {
        "staging": {"deployments": ["web", "worker"], "reload": "auto"},
        "production": {"deployments": ["web"], "reload": "manual"},
    }
    body = {"strategy": "volume", "mountPath": "/etc/secrets", "environments": environments, **spec}
    return read_app({"metadata": {"name": "checkout", "generation": 3}, "spec": body, "status": status})


def an_entry(environment: str, deployment: str, **more: str) -> dict[str, str]:
    said = {"state": "Delivered", "digest": "sha256:0a", "strategy": "env", "mountPath": "", "reload": "auto"}
    return {"environment": environment, "deployment": deployment, "namespace": "shop", **said, **more}


def test_wishes_and_what_is_in_effect_stand_side_by_side() -> None:
    """C14: a switched strategy waits for the next delivery, and is seen to wait."""
    gone = an_entry("staging", "no-longer-named")
    app = an_app({"deployments": [an_entry("staging", "web", mode="ignore", deliveredAt="2026-11-29T00:00:00Z"), gone]})
    production, web, worker = link_rows(app)
    assert (web.environment, web.deployment, web.state, web.mode) == ("staging", "web", "Delivered", "ignore")
    assert (web.in_effect, web.wanted) == (
        LinkSetting("env", "", "auto"),
        LinkSetting("volume", "/etc/secrets", "auto"),
    )
    assert (web.namespace, web.digest, web.delivered_at) == ("shop", "sha256:0a", "2026-11-29T00:00:00Z")
    assert (worker.deployment, worker.state, worker.in_effect) == ("worker", "Waiting", LinkSetting())
    assert production.wanted == LinkSetting("volume", "/etc/secrets", "manual")


def test_before_the_first_delivery_nothing_is_in_effect() -> None:
    [row] = [
        each
        for each in link_rows(an_app({"deployments": [an_entry("production", "web", digest="")]}))
        if each.namespace
    ]
    assert row.in_effect == LinkSetting()


def test_a_cause_is_said_once_for_all_deployments_and_not_after_its_condition() -> None:
    """Seen to fail with a sentence for each Deployment: 500 times the same one."""
    names = [f"d{number}" for number in range(5)]
    rows = [an_entry("staging", name, state="Refused", message="it is full") for name in names]
    rows.append(an_entry("staging", "web", state="Missing", message="there is no such Deployment"))
    rows.append(an_entry("production", "web", state="Waiting", message="two Namespaces have it"))
    condition = {"type": "Delivered", "status": "False", "reason": "Ambiguous", "message": "two Namespaces have it"}
    environments = {"staging": {"deployments": [*names, "web"]}, "production": {"deployments": ["web"]}}
    status = {"deployments": rows, "environments": [{"name": "production", "conditions": [condition]}]}
    app = an_app({"observedGeneration": 3, **status}, environments=environments)
    assert list(problems_of(app)) == ["production: Ambiguous: two Namespaces have it"]
    assert list(messages_of(app)) == [
        "staging: d0, d1, d2 and 2 more: it is full",
        "staging: web: there is no such Deployment",
    ]


def test_conditions_that_do_not_hold_are_said_and_an_older_status_is() -> None:
    def environment(name: str, status: str, reason: str) -> dict[str, Any]:
        condition = {"type": "Delivered", "status": status, "reason": reason, "message": "a sentence"}
        return {"name": name, "conditions": [condition]}

    found = [
        environment("staging", "True", "Delivered"),
        environment("production", "False", "Ambiguous"),
        environment("gone", "False", "NoSource"),
    ]
    assert list(problems_of(an_app({"observedGeneration": 3, "environments": found}))) == [
        "production: Ambiguous: a sentence"
    ]
    assert list(problems_of(an_app({"observedGeneration": 2}))) == [UNSEEN]
    assert list(problems_of(an_app({}))) == [UNSEEN]
