"""What each overlay makes, as rendered: settings that krt knows, pods that may little, paths closed but for a few."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from krt.core.kube.restartable import BUNDLE_DEPLOYMENT, REACHABLE, RESTARTABLE
from krt.errors import SettingsInvalid
from krt.settings.load import load
from krt.settings.roles import known_variables
from tests.apiserver.objects import Object
from tests.deploy.pods import mount, moved
from tests.deploy.rendered import EVERYTHING, PLAIN, Rendered, Variant, render

pytestmark = pytest.mark.apiserver  # for the kubectl that comes with it
ALL = (*PLAIN, EVERYTHING)
SECRET = {"data": {"password": "c2VjcmV0", "ca.crt": "", "users.acl": "", "tls.crt": "", "tls.key": ""}}
NAMESPACES = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}
IDENTITY = {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}
SECRETS = dict.fromkeys(("krt-web-valkey", "krt-worker-valkey", "valkey"), SECRET)


@pytest.fixture(scope="module", params=ALL, ids=str)
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    variant: Variant = request.param
    return render(variant.folder(tmp_path_factory.mktemp("edited")))


def values(document: Any, name: str) -> Iterator[Any]:
    """Whatever stands under that name, anywhere."""
    match document:
        case dict():
            yield from (value for key, value in document.items() if key == name)
            for value in document.values():
                yield from values(value, name)
        case list():
            for value in document:
                yield from values(value, name)


def test_every_variable_is_a_setting_of_krt(rendered: Rendered) -> None:
    for role in ("web", "worker"):
        assert set(rendered.settings(role)) <= known_variables()
    assert [env for _, pod in rendered.pods() for env in values(pod, "env")] == []


@pytest.mark.parametrize("role", ["web", "worker"])
def test_krt_takes_the_settings_once_the_policy_has_an_owner(rendered: Rendered, role: str, tmp_path: Path) -> None:
    """Before that it does not start: nobody runs it with an organisation out of an example."""
    places = mount(rendered, dict(rendered.pods())[f"krt-{role}"], tmp_path, SECRETS)
    places_authority(places)
    environ = {name: moved(value, places) for name, value in rendered.settings(role).items()}
    with pytest.raises(SettingsInvalid, match=r"KRT_POLICY.*who") as caught:
        load(role, {}, environ)
    assert len(caught.value.problems) == 1
    policy = places["/etc/krt"] / "krt.toml"
    policy.chmod(0o644)
    policy.write_text(policy.read_text().replace("OWNER_ID", "65"))
    load(role, {}, environ)


def places_authority(places: dict[str, Path]) -> None:
    """A certificate where the Secret has one: it is read at start."""
    authority = places["/etc/krt-valkey"] / "ca.crt"
    authority.chmod(0o644)
    trustme.CA().cert_pem.write_to_path(str(authority))


def test_pods_run_as_nobody_on_a_root_that_is_read_only(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["runAsUser"] > 10_000, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert "memory" in container["resources"]["limits"], name


def test_only_the_worker_has_a_token_and_nobody_the_addresses_of_services(rendered: Rendered) -> None:
    for name, pod in rendered.pods():
        assert pod["automountServiceAccountToken"] is (name == "krt-worker")
        assert pod["enableServiceLinks"] is False
        assert pod["serviceAccountName"] == name
    assert all(each["automountServiceAccountToken"] is False for each in rendered.of("ServiceAccount"))


def test_only_the_worker_is_bound_to_anything(rendered: Rendered) -> None:
    bindings = [*rendered.of("RoleBinding"), *rendered.of("ClusterRoleBinding")]
    assert {subject["name"] for binding in bindings for subject in binding["subjects"]} == {"krt-worker"}
    roles = {each["metadata"]["name"]: each for each in rendered.of("ClusterRole")}
    own = roles.get("krt-worker-bundles", {"rules": []})["rules"]
    assert [rule["verbs"] for rule in own] == ([["get", "list", "watch", "patch"], ["create"]] if own else [])
    assert sorted(binding["roleRef"]["name"] for binding in bindings) == sorted(roles)
    assert rendered.of("Role") == []
    role = roles.pop("krt-worker")
    assert roles.pop("krt-worker-identity")["rules"] == [IDENTITY]
    roles.pop("krt-worker-bundles", None)
    assert all(name == "krt-worker-namespaces" for name in roles)
    assert all(each["rules"] == [NAMESPACES] for each in roles.values())
    verbs = [["get", "list", "watch", "patch"], *([["create"]] if len(role["rules"]) > 1 else [])]
    assert [rule["verbs"] for rule in role["rules"]] == verbs


def test_an_update_leaves_no_gap(rendered: Rendered) -> None:
    """The next pod is ready before the last one goes; what it has in hand gets its time."""
    grace_seconds = 25  # KRT_GRACE
    for each in rendered.of("Deployment"):
        assert each["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        pod = each["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        drained = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert pod["terminationGracePeriodSeconds"] > grace_seconds + drained
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "admin"}
    web = rendered.one("Deployment", "krt-web")
    assert web["spec"]["replicas"] == 2
    assert web["spec"]["template"]["spec"]["containers"][0]["lifecycle"]["preStop"] == {"sleep": {"seconds": 10}}
    assert rendered.one("PodDisruptionBudget", "krt-web")["spec"]["selector"] == web["spec"]["selector"]


def test_the_ports_of_the_probes_are_those_that_krt_listens_at(rendered: Rendered) -> None:
    for role, port in (("web", 8081), ("worker", 8082)):
        (container,) = dict(rendered.pods())[f"krt-{role}"]["containers"]
        assert {each["name"]: each["containerPort"] for each in container["ports"]}["admin"] == port
        assert "KRT_ADMIN_ADDR" not in rendered.settings(role)


def test_nothing_passes_but_what_is_named(rendered: Rendered) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in rendered.of("NetworkPolicy")}
    assert policies.pop("krt-nothing") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    peers = [peer for spec in policies.values() for rule in spec.get("ingress", ()) for peer in rule["from"]]
    assert all(peer.get("namespaceSelector", peer.get("podSelector")) for peer in peers)
    assert all(
        rule["ports"] for spec in policies.values() for way in ("ingress", "egress") for rule in spec.get(way, ())
    )
    assert {label for spec in policies.values() for label in spec["podSelector"]["matchLabels"].values()} <= {
        "krt",
        "web",
        "worker",
        "valkey",
    }


def test_every_config_map_and_secret_that_a_pod_names_is_made(rendered: Rendered) -> None:
    made = {each["metadata"]["name"] for each in rendered.of("ConfigMap")}
    for _, pod in rendered.pods():
        named = [each["name"] for key in ("configMap", "configMapRef") for each in values(pod, key)]
        assert set(named) <= made
        assert {each["secretName"] for each in values(pod, "secret")} <= set(
            SECRETS
        )  # deploy/kubernetes/valkey/secrets


def test_the_components_name_every_kind_that_krt_restarts(tmp_path: Path) -> None:
    """Seen to fail with ReplicaSet as a kind: krt could restart one, and its Event about the restart was refused."""
    rendered = render(EVERYTHING.folder(tmp_path))
    plurals = [each.plural for each in RESTARTABLE.values()]
    assert rendered.settings("worker")["KRT_KINDS"] == ",".join(REACHABLE)
    (role,) = [each for each in rendered.of("ClusterRole") if each["metadata"]["name"] == "krt-worker"]
    assert role["rules"][0]["resources"] == plurals
    own = rendered.one("ClusterRole", "krt-worker-bundles")["rules"][0]
    assert (own["apiGroups"], own["resources"]) == ([BUNDLE_DEPLOYMENT.group], [BUNDLE_DEPLOYMENT.plural])
    restarts = rendered.one("ValidatingAdmissionPolicy", "krt-worker-restart-only")["spec"]["variables"]
    assert restarts[0] == {"name": "kinds", "expression": str(plurals)}
    events = rendered.one("ValidatingAdmissionPolicy", "krt-worker-events")["spec"]["validations"]
    assert f"object.regarding.kind in {list(RESTARTABLE)} " in events[0]["expression"]


def test_the_policy_guards_the_account_that_is_made(tmp_path: Path) -> None:
    for variant in (
        Variant("one-namespace", namespace="platform"),
        Variant("one-namespace", components=("bundles",), namespace="platform"),
        Variant("external-valkey", namespace="platform"),
    ):
        rendered = render(variant.folder(tmp_path / str(variant)))
        policies = rendered.of("ValidatingAdmissionPolicy")
        assert {spelled(policy) for policy in policies} == {"system:serviceaccount:platform:krt-worker"}
        assert len(policies) == 1 + ("bundles" in variant.components)
        bindings = [*rendered.of("RoleBinding"), *rendered.of("ClusterRoleBinding")]
        assert {each["subjects"][0]["namespace"] for each in bindings} == {"platform"}


def spelled(policy: Object) -> str:
    condition, *_ = policy["spec"]["matchConditions"]
    return "".join(re.findall(r"'([^']*)'", condition["expression"]))
