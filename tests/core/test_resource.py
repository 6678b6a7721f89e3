import pytest

from krt.core.kube.resource import NAMESPACE, Resource, Unaddressable
from krt.core.kube.restartable import DAEMON_SET, DEPLOYMENT, RESTARTABLE
from krt.core.kube.rollout import has_no_pods, stage_of
from krt.settings.parts import ClusterSettings
from krt.settings.table import settings_of
from tests.fakes.values import a_workload

SECRET = Resource("", "v1", "Secret", "secrets")
BUNDLE = Resource("core.rukpak.io", "v1alpha1", "Bundle", "bundles", namespaced=False)
LEASE = Resource("coordination.k8s.io", "v1", "Lease", "leases")


@pytest.mark.parametrize(
    ("resource", "namespace", "path"),
    [
        (DEPLOYMENT, "shop", "/apis/apps/v1/namespaces/shop/deployments"),
        (DAEMON_SET, None, "/apis/apps/v1/daemonsets"),
        (SECRET, "shop", "/api/v1/namespaces/shop/secrets"),
        (SECRET, None, "/api/v1/secrets"),
        (NAMESPACE, None, "/api/v1/namespaces"),
        (BUNDLE, None, "/apis/core.rukpak.io/v1alpha1/bundles"),
        (LEASE, "krt", "/apis/coordination.k8s.io/v1/namespaces/krt/leases"),
    ],
)
def test_objects_are_listed_in_one_namespace_or_everywhere(
    resource: Resource, namespace: str | None, path: str
) -> None:
    assert resource.collection_path(namespace) == path


@pytest.mark.parametrize(
    ("resource", "namespace", "path"),
    [
        (DEPLOYMENT, "shop", "/apis/apps/v1/namespaces/shop/deployments/it"),
        (SECRET, "shop", "/api/v1/namespaces/shop/secrets/it"),
        (LEASE, "krt", "/apis/coordination.k8s.io/v1/namespaces/krt/leases/it"),
        (NAMESPACE, "", "/api/v1/namespaces/it"),
        (BUNDLE, "", "/apis/core.rukpak.io/v1alpha1/bundles/it"),
    ],
)
def test_one_object_stands_in_its_namespace_or_in_none(resource: Resource, namespace: str, path: str) -> None:
    assert resource.object_path(namespace, "it") == path


@pytest.mark.parametrize("resource", [DEPLOYMENT, DAEMON_SET, SECRET, LEASE])
def test_what_stands_in_a_namespace_has_no_path_without_one(resource: Resource) -> None:
    """Such a path would name everything there is, or nothing."""
    with pytest.raises(ValueError, match=f"a {resource.kind} needs a namespace"):
        resource.object_path("", "it")
    with pytest.raises(ValueError, match="needs a namespace"):
        resource.collection_path("")


@pytest.mark.parametrize("resource", [NAMESPACE, BUNDLE])
def test_what_stands_in_no_namespace_has_no_path_in_one(resource: Resource) -> None:
    with pytest.raises(ValueError, match=f"a {resource.kind} has no namespace"):
        resource.object_path("shop", "it")
    with pytest.raises(ValueError, match="has no namespace"):
        resource.collection_path("shop")


@pytest.mark.parametrize(("resource", "named"), [(DEPLOYMENT, "apps/v1"), (SECRET, "v1"), (NAMESPACE, "v1")])
def test_manifests_name_group_and_version(resource: Resource, named: str) -> None:
    assert resource.api_version == named


@pytest.mark.parametrize("kind", RESTARTABLE)
def test_what_can_be_restarted_can_be_chosen_and_its_rollout_is_understood(kind: str) -> None:
    """One table says what krt can restart: a row there is refused by no other part."""
    setting = settings_of(ClusterSettings)["kinds"]
    assert setting.parse(kind.lower()) == (kind,)
    assert kind in setting.help
    workload = a_workload(key=f"{kind} shop/web")
    assert stage_of(workload)
    assert not has_no_pods(workload)


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("web", "web"),
        ("web.v1", "web.v1"),
        ("system:node", "system%3Anode"),
        ("a b?c#d&e=f+g", "a%20b%3Fc%23d%26e%3Df%2Bg"),
        ("ü", "%C3%BC"),
        ("...", "..."),
    ],
)
def test_a_name_is_one_segment_of_the_path(name: str, segment: str) -> None:
    """Seen to fail with the name as it is."""
    assert BUNDLE.object_path("", name) == f"/apis/core.rukpak.io/v1alpha1/bundles/{segment}"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a%2Fb", "a\nb", "\x00", "\ud800"])
def test_a_name_that_would_lead_elsewhere_has_no_path(name: str) -> None:
    """`/api/v1/namespaces/shop/secrets/..` is the namespace itself. Seen to fail with `..` taken for a name."""
    with pytest.raises(Unaddressable, match="no object has the name"):
        SECRET.object_path("shop", name)
    if name:
        with pytest.raises(Unaddressable, match="no object has the name"):
            SECRET.object_path(name, "it")
        with pytest.raises(Unaddressable, match="no object has the name"):
            SECRET.collection_path(name)
