"""Reports as krt web answers with them."""

import json
from typing import Any

from tests.client.actions import EVENT_ID, Reply


def a_target(name: str = "web", state: str = "progressing", **changes: Any) -> dict[str, Any]:
    return {
        "cluster": "default",
        "kind": "Deployment",
        "namespace": "shop",
        "name": name,
        "state": state,
        "updated": 1,
        "available": 1,
        "desired": 3,
        "seconds": 2.5,
        "warnings": [],
        **changes,
    }


def a_cluster(name: str = "default", state: str = "settled", **changes: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "seen_at": "2026-11-21T12:00:00.000Z", **changes}


def a_document(state: str = "rolling", *targets: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": EVENT_ID,
        "state": state,
        "image": "ghcr.io/acme/shop",
        "tags": ["dev", "v1"],
        "accepted_at": "2026-11-21T11:59:58.000Z",
        "by": {"repository": "acme/shop", "run": "https://github.com/acme/shop/actions/runs/19500000000"},
        "clusters": [a_cluster()],
        "targets": list(targets),
        **changes,
    }


def says(document: dict[str, Any], **changes: Any) -> Reply:
    return Reply(200, json.dumps(document).encode(), (("Content-Type", "application/json"),), **changes)


def a_report(state: str = "rolling", *targets: dict[str, Any], **changes: Any) -> Reply:
    return says(a_document(state, *targets, **changes))


READY = a_report("ready", a_target(state="ready", updated=3, available=3, seconds=12.4))
