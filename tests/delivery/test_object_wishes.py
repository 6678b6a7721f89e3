"""Wishes about single objects by Timoni's annotations, on the real API server."""

import pytest

from krt.cluster.objects import Body
from krt.core.delivery.object_wishes import FORCE, ONE_OFF, WAIT
from krt.delivery.order import End
from tests.apiserver.objects import a_deployment
from tests.delivery.cluster import Cluster, reasons, states

pytestmark = pytest.mark.apiserver


async def test_a_one_off_object_is_applied_only_if_it_is_not_there(cluster: Cluster) -> None:
    """Seen to fail with an apply of the object that is there."""

    def wanted(value: str) -> Body:
        return cluster.config_map("once", annotations={ONE_OFF: "enabled"}, v=value)

    assert states(await cluster.deliver(wanted("one")))["once"] == ("apply", "ready", "created")
    for dry_run, state in ((True, "planned"), (False, "ready")):
        again = await cluster.deliver(wanted("two"), is_dry_run=dry_run)
        assert states(again)["once"] == ("apply", state, "unchanged"), reasons(again)
    assert again.is_applied
    assert (await cluster.get("ConfigMap", "once"))["data"] == {"v": "one"}
    pruned = await cluster.deliver(cluster.config_map("other"))
    assert states(pruned)["once"] == ("delete", "ready", "deleted")


async def test_an_object_that_is_not_awaited_delays_nothing(cluster: Cluster) -> None:
    """No kubelet runs, so the Deployment never becomes ready. Seen to fail with a wait until the deadline."""
    web = a_deployment(namespace=cluster.namespace)
    web["metadata"]["annotations"] = {WAIT: "disabled"}
    done = await cluster.deliver(web, timeout_seconds=20)
    assert done.end is End.READY, reasons(done)
    assert states(done)["web"] == ("apply", "ready", "created")


@pytest.mark.parametrize("forced", [True, False])
async def test_a_change_of_an_immutable_field_recreates_the_object_on_demand(cluster: Cluster, forced: bool) -> None:
    def wanted(value: str) -> Body:
        annotations = {FORCE: "enabled"} if forced else {}
        return cluster.config_map("fixed", annotations=annotations, v=value) | {"immutable": True}

    await cluster.deliver(wanted("one"))
    before = (await cluster.get("ConfigMap", "fixed"))["metadata"]["uid"]
    changed = await cluster.deliver(wanted("two"))
    live = await cluster.get("ConfigMap", "fixed")
    if forced:
        assert changed.end is End.READY, reasons(changed)
        assert (live["data"], live["metadata"]["uid"] != before) == ({"v": "two"}, True)
    else:
        assert changed.end is End.DENIED
        assert (live["data"], live["metadata"]["uid"]) == ({"v": "one"}, before)
