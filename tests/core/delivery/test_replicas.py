"""Who decides the number of a workload's replicas, by the live object's managedFields."""

from typing import Any

from krt.core.delivery.ownership import Owner
from krt.core.delivery.replicas import give_up, has_replicas, is_scaled, without_claim, without_replicas

OWNER = Owner("Bundle", "shop")
REPLICAS = {"f:spec": {"f:replicas": {}, "f:template": {}}}


def entry(manager: str, fields: Any, operation: str = "Update", **changes: str) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": fields, **changes}


def own(fields: Any) -> dict[str, Any]:
    return entry(OWNER.field_manager, fields, "Apply")


def live(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "7", "managedFields": list(entries)}}


def test_the_number_is_scaled_if_the_subresource_has_written_it() -> None:
    """Seen to fail with any manager that has written it."""
    scaled = entry("kubectl", {"f:spec": {"f:replicas": {}}}, subresource="scale")
    assert is_scaled(live(own(REPLICAS), scaled))
    assert not is_scaled(live(own(REPLICAS), entry("kubectl-edit", REPLICAS)))
    assert not is_scaled(live(entry("kubectl", {"f:status": {}}, subresource="scale")))


def test_krt_gives_up_its_own_claim_alone_in_one_guarded_patch() -> None:
    """Seen to fail with the claim of another manager taken away."""
    others = entry("alice", REPLICAS, "Apply")
    assert give_up(live(own(REPLICAS), others), OWNER) == {
        "metadata": {"resourceVersion": "7", "managedFields": [own({"f:spec": {"f:template": {}}}), others]}
    }
    assert give_up(live(own({"f:spec": {"f:template": {}}}), others), OWNER) is None


def test_a_takeover_takes_no_claim_to_the_number() -> None:
    patch = {"metadata": {"resourceVersion": "7", "managedFields": [own(REPLICAS)]}}
    assert without_claim(live(), patch, OWNER) == {
        "metadata": {"resourceVersion": "7", "managedFields": [own({"f:spec": {"f:template": {}}})]}
    }
    assert without_claim(live(own(REPLICAS)), None, OWNER) == give_up(live(own(REPLICAS)), OWNER)


def test_a_manifest_without_the_number_is_the_same_but_for_it() -> None:
    body = {"kind": "Deployment", "spec": {"replicas": 2, "template": {}}}
    assert has_replicas(body)
    assert without_replicas(body) == {"kind": "Deployment", "spec": {"template": {}}}
    assert not has_replicas(without_replicas(body))
