"""The index against the plainest model of it: a dictionary that is searched from end to end."""

import json

from hypothesis import given
from hypothesis import strategies as st

from krt.cluster.workloads.index import WorkloadIndex
from krt.cluster.workloads.wire import READERS
from krt.core.announce.image import Repository, complete
from krt.core.kube.object_key import ObjectKey
from krt.core.kube.restartable import RESTARTABLE
from krt.core.kube.workload import Workload
from tests.fakes.keys import a_key

IMAGES = ("nginx", "ghcr.io/acme/shop:dev", "ghcr.io/acme/blog:v1", "Not An Image")
KEYS = [a_key("Deployment", namespace, name) for namespace in ("blog", "shop") for name in ("web", "jobs")]
KEYS.append(a_key("StatefulSet", "shop", "web"))
REPOSITORIES = [complete(name) for name in ("nginx", "ghcr.io/acme/shop", "ghcr.io/acme/blog")]


def a_workload(key: ObjectKey, images: list[str]) -> Workload:
    """As the API server spells it."""
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    metadata = {"name": key.name, "namespace": key.namespace}
    document = {"metadata": metadata, "spec": {"template": {"spec": {"containers": containers}}}}
    return READERS[key.kind].one(json.dumps(document).encode())


workloads = st.builds(a_workload, st.sampled_from(KEYS), st.lists(st.sampled_from(IMAGES), max_size=3))
scopes = st.sampled_from([("Deployment", None), ("Deployment", "shop"), ("Deployment", "blog"), ("StatefulSet", None)])
steps = st.one_of(
    st.tuples(st.just("put"), workloads),
    st.tuples(st.just("remove"), st.sampled_from(KEYS)),
    st.tuples(st.just("list"), scopes, st.lists(workloads, max_size=4)),
)


def within(key: ObjectKey, scope: tuple[str, str | None]) -> bool:
    return key.kind == scope[0] and scope[1] in {None, key.namespace}


def model_running(model: dict[ObjectKey, Workload], repository: Repository) -> tuple[Workload, ...]:
    return tuple(model[key] for key in sorted(model) if repository in model[key].repositories)


@given(st.lists(steps, max_size=12))
def test_whatever_happened_it_answers_as_a_search_through_everything_would(taken):
    index, model = WorkloadIndex(), {}
    for step in taken:
        match step:
            case "put", workload:
                index.put(workload)
                model[workload.key] = workload
            case "remove", key:
                index.remove(key)
                model.pop(key, None)
            case "list", scope, listed:
                fresh = {workload.key: workload for workload in listed if within(workload.key, scope)}
                for workload in fresh.values():
                    index.put(workload)
                index.retain(RESTARTABLE[scope[0]], scope[1], fresh.keys())
                model = {key: w for key, w in model.items() if not within(key, scope)} | fresh
    assert len(index) == len(model)
    for repository in REPOSITORIES:
        assert index.running(repository) == model_running(model, repository)
    assert all(index.get(key) == model.get(key) for key in KEYS)
    assert len(index._running) <= len(REPOSITORIES), "nothing is kept of images that nothing runs"
