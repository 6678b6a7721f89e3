"""The one patch krt makes, against objects with everything on them."""

import pytest

from krt.cluster.access import http_client, load_access
from krt.core.announce.event_id import EventId
from krt.core.ports.workloads import Stamp
from krt.dev.cluster import Fault, deployment
from krt.errors import ClusterDenied, ClusterRefused, ClusterUnavailable, Conflict, NotThere
from tests.fakes.calls import Calls
from tests.fakes.stand_in import key

STAMP = Stamp(
    "2026-11-21T04:00:00.123456Z",
    "journal 1763690000123-0 2026-11-21T04:00:00.123456Z",
    "acme/shop main",
    EventId(1, 0),
)
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


@pytest.fixture
async def api(stand_in):
    server, credentials = load_access(stand_in.kubeconfig)
    async with http_client(server, connections=4) as client:
        yield Calls(client, credentials)


@pytest.fixture
def web(stand_in):
    document = deployment(
        "web",
        "shop",
        "ghcr.io/acme/shop:dev",
        replicas=3,
        init_image="ghcr.io/acme/migrate:dev",
        annotations={"team": "shop", "krt/event": "an older mark"},
    )
    template = document["spec"]["template"]
    template["metadata"]["annotations"] = {"sidecar": "on", RESTARTED_AT: "2026-01-01T00:00:00Z"}
    template["spec"]["containers"].append({"name": "proxy", "image": "envoy:v1", "env": [{"name": "A", "value": "b"}]})
    template["spec"]["nodeSelector"] = {"disk": "ssd"}
    document["spec"] |= {"paused": True, "minReadySeconds": 7, "strategy": {"type": "Recreate"}}
    stand_in.cluster.add(document)
    return key("web")


def without(document, *path):
    """The document without one entry."""
    here = document
    for part in path[:-1]:
        here = here[part]
    here.pop(path[-1], None)
    return document


async def test_a_restart_changes_the_templates_time_and_the_workloads_own_marks_and_nothing_else(stand_in, api, web):
    before = stand_in.document("web")
    await api.restart(await api.read(web), STAMP)
    after = stand_in.document("web")
    assert after["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT] == STAMP.restarted_at
    assert after["metadata"]["annotations"]["krt/event"] == STAMP.mark
    assert after["metadata"]["annotations"]["krt/cause"] == STAMP.cause
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    for document in (before, after):
        without(document, "spec", "template", "metadata", "annotations", RESTARTED_AT)
        without(document, "metadata", "annotations", "krt/event")
        without(document, "metadata", "annotations", "krt/cause")
        for counted in ("generation", "resourceVersion", "managedFields"):
            without(document, "metadata", counted)
    assert after == before


async def test_what_krt_changed_is_recorded_as_krts(stand_in, api, web):
    await api.restart(await api.read(web), STAMP)
    fields = {entry["manager"]: entry["fieldsV1"] for entry in stand_in.document("web")["metadata"]["managedFields"]}
    owned = fields["krt"]["f:spec"]["f:template"]["f:metadata"]["f:annotations"]
    assert owned == {f"f:{RESTARTED_AT}": {}}
    assert fields["krt"]["f:spec"].keys() == {"f:template"}


async def test_a_workload_without_any_annotation_is_restarted_too(stand_in, api):
    document = without(deployment("bare", "shop", "ghcr.io/acme/shop:dev"), "metadata", "annotations")
    stand_in.cluster.add(document)
    restarted = await api.restart(await api.read(key("bare")), STAMP)
    assert (restarted.restarted_at, restarted.mark) == (STAMP.restarted_at, STAMP.mark)


async def test_a_restart_answers_with_the_workload_as_it_is_now(stand_in, api, web):
    seen = await api.read(web)
    restarted = await api.restart(seen, STAMP)
    assert restarted == await api.read(web)
    assert restarted.generation == seen.generation + 1
    assert restarted.resource_version == stand_in.document("web")["metadata"]["resourceVersion"]


async def test_a_workload_that_has_changed_since_it_was_read_is_left_alone(stand_in, api, web):
    seen = await api.read(web)
    stand_in.set_image("web", "ghcr.io/acme/shop:v2")
    before = stand_in.document("web")
    with pytest.raises(Conflict):
        await api.restart(seen, STAMP)
    assert stand_in.document("web") == before


async def test_one_of_two_restarts_of_the_same_version_is_a_conflict(api, web):
    seen = await api.read(web)
    await api.restart(seen, STAMP)
    with pytest.raises(Conflict):
        await api.restart(seen, STAMP)


async def test_a_workload_that_was_deleted_is_gone(stand_in, api, web):
    seen = await api.read(web)
    stand_in.delete("web")
    with pytest.raises(NotThere):
        await api.restart(seen, STAMP)
    with pytest.raises(NotThere):
        await api.read(web)


async def test_a_namesake_of_a_deleted_workload_is_not_restarted_in_its_place(stand_in, api, web):
    seen = await api.read(web)
    stand_in.delete("web")
    stand_in.cluster.add(deployment("web", "shop", "ghcr.io/acme/shop:dev"))
    with pytest.raises(Conflict):
        await api.restart(seen, STAMP)


REFUSALS = [
    (Fault(status=401), ClusterDenied),
    (Fault(status=403), ClusterDenied),
    (Fault(status=403, message="admission webhook says no"), ClusterRefused),
    (Fault(status=400), ClusterRefused),
    (Fault(status=405), ClusterRefused),
    (Fault(status=413), ClusterRefused),
    (Fault(status=422), ClusterRefused),
    (Fault(status=302), ClusterRefused),
    (Fault(status=404), NotThere),
    (Fault(status=409), Conflict),
    (Fault(status=429), ClusterUnavailable),
    (Fault(status=500), ClusterUnavailable),
    (Fault(status=502), ClusterUnavailable),
    (Fault(status=503), ClusterUnavailable),
    (Fault(status=504), ClusterUnavailable),
    (Fault(broken=True), ClusterUnavailable),
]


@pytest.mark.parametrize(("fault", "error"), REFUSALS, ids=lambda part: getattr(part, "__name__", part))
async def test_each_refusal_of_a_patch_is_its_own_error(stand_in, api, web, fault, error):
    seen = await api.read(web)
    stand_in.cluster.faults.add(fault)
    with pytest.raises(error):
        await api.restart(seen, STAMP)


async def test_nothing_is_tried_twice_by_itself(stand_in, api, web):
    seen = await api.read(web)
    stand_in.cluster.faults.add(Fault(status=503), times=None)
    with pytest.raises(ClusterUnavailable):
        await api.restart(seen, STAMP)
    assert stand_in.calls("patch") == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_the_pause_that_the_server_asks_for_is_passed_on(stand_in, api, web, status):
    stand_in.cluster.faults.add(Fault(status=status, retry_after_seconds=7))
    with pytest.raises(ClusterUnavailable) as refused:
        await api.read(web)
    assert refused.value.retry_after_seconds == 7


async def test_a_patch_whose_answer_is_lost_has_happened_and_does_not_happen_again(stand_in, api, web):
    seen = await api.read(web)
    stand_in.cluster.faults.add(Fault(broken=True))
    with pytest.raises(ClusterUnavailable):
        await api.restart(seen, STAMP)
    with pytest.raises(Conflict):
        await api.restart(seen, STAMP)
    assert (await api.read(web)).mark == STAMP.mark


async def test_a_refused_mark_says_what_the_server_said(api, web):
    seen = await api.read(web)
    with pytest.raises(ClusterRefused, match="annotations"):
        await api.restart(seen, Stamp(STAMP.restarted_at, STAMP.mark, "x" * 300_000, EventId(1, 0)))
