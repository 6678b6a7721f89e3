"""What whoever stole the worker's token might try, and what krt does: tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from krt.core.kube.restartable import BUNDLE_DEPLOYMENT, REACHABLE, RESTARTABLE
from tests.apiserver import bundles
from tests.apiserver.bundles import a_bundle, a_bundle_deployment, image
from tests.apiserver.objects import a_deployment

SHOP = "/apis/apps/v1/namespaces/shop"
WEB = f"{SHOP}/deployments/web"
CORE = "/api/v1/namespaces/shop"
EVENTS = "/apis/events.k8s.io/v1/namespaces/shop/events"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
SAMPLES = {"Deployment": "web", "StatefulSet": "store", "DaemonSet": "agent"}  # one of each kind in RESTARTABLE
SAMPLE_PATHS = {kind: resource.object_path("shop", SAMPLES[kind]) for kind, resource in RESTARTABLE.items()}
FURTHER = {kind: path for kind, path in SAMPLE_PATHS.items() if kind != "Deployment"}  # what components/kinds adds
STORE, AGENT = SAMPLE_PATHS["StatefulSet"], SAMPLE_PATHS["DaemonSet"]
BUNDLE = BUNDLE_DEPLOYMENT.object_path("", "bundle")  # where components/bundles is
TIME = "2026-11-21T08:00:00.000001Z"
STAMP = {
    "metadata": {"annotations": {"krt/event": f"journal 1-1 {TIME}", "krt/cause": "{}"}},
    "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": TIME}}}},
}
EVIL = [{"name": "main", "image": "ghcr.io/evil/miner"}]
JOB = {"template": {"spec": {"restartPolicy": "Never", "containers": EVIL}}}
EVERYTHING = {
    "metadata": {"name": "new"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"kind": "ServiceAccount", "name": "krt-worker", "namespace": "krt"}],
}


@dataclass(frozen=True, slots=True)
class Act:
    """One request. `body` is a merge patch where the method is PATCH."""

    name: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return self.name


def an_event(name: str, **more: Any) -> Mapping[str, Any]:
    """As krt writes it (krt/cluster/workloads/events.py)."""
    return {
        "metadata": {"name": name},
        "eventTime": TIME,
        "reportingController": "krt",
        "reportingInstance": "krt-worker-1",
        "type": "Normal",
        "reason": "Restarted",
        "action": "Restart",
        "regarding": _regarding("Deployment"),
        **more,
    }


def _regarding(kind: str) -> Mapping[str, str]:
    return {"apiVersion": REACHABLE[kind].api_version, "kind": kind, "namespace": "shop", "name": SAMPLES[kind]}


def _event_with(name: str, **metadata: Any) -> Mapping[str, Any]:
    return an_event(name, metadata={"name": name, **metadata})


def _patch(name: str, path: str = WEB, /, **body: Any) -> Act:
    return Act(name, "PATCH", path, body)


def _spec(name: str, **spec: Any) -> Act:
    return _patch(name, spec=spec)


def _template(name: str, **template: Any) -> Act:
    return _spec(name, template=template)


def _pod(name: str, **pod: Any) -> Act:
    return _template(name, spec=pod)


def _restart(name: str, **more: Any) -> Act:
    """A genuine restart, and something beside it."""
    return _patch(name, spec=STAMP["spec"], **more)


FIELDS = (
    _pod("another image", containers=EVIL),
    _pod("a command", containers=[{"name": "main", "image": "ghcr.io/acme/shop:dev", "command": ["sh"]}]),
    _pod("an environment", containers=[{"name": "main", "image": "ghcr.io/acme/shop:dev", "env": [{"name": "A"}]}]),
    _pod("an init container", initContainers=[{"name": "first", "image": "ghcr.io/evil/miner"}]),
    _pod("another service account", serviceAccountName="admin"),
    _pod("the node's network", hostNetwork=True),
    _pod("the node's files", volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
    _pod("a chosen node", nodeName="master"),
    _spec("replicas", replicas=0),
    _spec("a pause", paused=True),
    _spec("another strategy", strategy={"type": "Recreate", "rollingUpdate": None}),
    _spec("no history", revisionHistoryLimit=0),
    _spec("another deadline", progressDeadlineSeconds=1),
    _template("a label of the pods", metadata={"labels": {"more": "evil"}}),
    _template("another annotation of the pods", metadata={"annotations": {"prometheus.io/scrape": "true"}}),
    _template("an annotation of the pods less", metadata={"annotations": {"kept": None}}),
    _template("an annotation of the pods changed", metadata={"annotations": {"kept": "other"}}),
    _template("a time that is none", metadata={"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}),
    _template("a time, and a line", metadata={"annotations": {"kubectl.kubernetes.io/restartedAt": f"{TIME}\nx"}}),
    _patch("a label", metadata={"labels": {"team": "evil"}}),
    _patch("another annotation", metadata={"annotations": {"krt/restart": "disabled"}}),
    _patch("an annotation less", metadata={"annotations": {"kept": None}}),
    _patch("a finalizer", metadata={"finalizers": ["example.com/never"]}),
    _patch(
        "an owner", metadata={"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b"}]}
    ),
    _restart("a restart with a long mark", metadata={"annotations": {"krt/cause": "x" * 1025}}),
    _restart("a restart with a label", metadata={"labels": {"team": "evil"}}),
)
OTHERS = (
    Act("create a Deployment", "POST", f"{SHOP}/deployments", a_deployment("new", namespace="shop")),
    Act("delete it", "DELETE", WEB),
    Act("delete all", "DELETE", f"{SHOP}/deployments"),
    _patch("scale", f"{WEB}/scale", spec={"replicas": 9}),
    _patch("its status", f"{WEB}/status", status={"replicas": 9}),
    _patch("scale a StatefulSet", f"{STORE}", spec={"replicas": 9}),
    *(
        _patch(f"another image of a {kind}", path, spec={"template": {"spec": {"containers": EVIL}}})
        for kind, path in FURTHER.items()
    ),
    _patch(
        "another strategy of a DaemonSet", AGENT, spec={"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}
    ),
    _patch(
        "a DaemonSet's count on a Deployment",
        metadata={"annotations": {"deprecated.daemonset.template.generation": "9"}},
    ),
    Act("make a pod", "POST", f"{CORE}/pods", {"metadata": {"name": "new"}, "spec": {"containers": EVIL}}),
    Act("make a secret", "POST", f"{CORE}/secrets", {"metadata": {"name": "new"}}),
    Act("make a config map", "POST", f"{CORE}/configmaps", {"metadata": {"name": "new"}}),
    Act("make a token", "POST", f"{CORE}/serviceaccounts/somebody/token", {"spec": {}}),
    Act("make a job", "POST", "/apis/batch/v1/namespaces/shop/jobs", {"metadata": {"name": "new"}, "spec": JOB}),
    Act("make a lease", "POST", "/apis/coordination.k8s.io/v1/namespaces/shop/leases", {"metadata": {"name": "new"}}),
    Act("make a namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "new"}}),
    Act("grant itself more", "POST", f"{RBAC}/clusterrolebindings", EVERYTHING),
    _patch("widen its role", f"{RBAC}/clusterroles/krt-worker", rules=[]),
    _patch("mark a node", "/api/v1/nodes/node", metadata={"labels": {"a": "b"}}),
    _patch("opt a namespace out", "/api/v1/namespaces/shop", metadata={"annotations": {"krt/restart": "disabled"}}),
)
# An Event by the older API, in another's name, about a stranger's business, with more than krt's have; then krt's own.
FALSE_EVENTS = (
    Act(
        "make an event",
        "POST",
        f"{CORE}/events",
        {
            "metadata": {"name": "older"},
            "involvedObject": {"kind": "Deployment", "namespace": "shop", "name": "web"},
            "reason": "Restarted",
            "source": {"component": "krt"},
        },
    ),
    Act("make another's event", "POST", EVENTS, an_event("forged", reportingController="kubelet")),
    Act("make an event of something else", "POST", EVENTS, an_event("odd", reason="Killing")),
    Act("make a warning", "POST", EVENTS, an_event("warning", type="Warning")),
    Act("make an event that stays", "POST", EVENTS, _event_with("stays", finalizers=["example.com/never"])),
    Act(
        "make an event with an owner",
        "POST",
        EVENTS,
        _event_with("owned", ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b"}]),
    ),
    Act("make an event with a label", "POST", EVENTS, _event_with("labelled", labels={"team": "evil"})),
    Act("make a large event", "POST", EVENTS, _event_with("large", annotations={"more": "x" * 100_000})),
)
OWN_EVENTS = tuple(
    Act(f"tell of the restart of a {kind}", "POST", EVENTS, an_event(f"own-{name}", regarding=_regarding(kind)))
    for kind, name in SAMPLES.items()
)
# What krt does to a kind that is restarted, and may not do to one that is not. `plain` has no annotation yet.
RESTARTS = tuple(
    _patch(f"restart {path.rpartition('/')[2]}", path, **STAMP)
    for path in (WEB, f"{SHOP}/deployments/plain", *FURTHER.values())
)
KINDS = RESTARTS[2:]
ANNOUNCEMENT = {"krt/event": f"journal 1-1 {TIME}", "krt/cause": "{}", "krt/announced": "1-1"}
ABOUT_A_BUNDLE = {"apiVersion": bundles.API_VERSION, "kind": "BundleDeployment", "name": "bundle"}
OWN_ANNOUNCEMENTS = (
    _patch("announce", BUNDLE, metadata={"annotations": ANNOUNCEMENT}),
    Act(
        "tell of an announcement",
        "POST",
        "/apis/events.k8s.io/v1/namespaces/default/events",
        an_event("own-bundle", regarding=ABOUT_A_BUNDLE),
    ),
)


def _announcement(name: str, **metadata: Any) -> Act:
    """A genuine announcement, and something beside it."""
    annotations = {**ANNOUNCEMENT, **metadata.pop("annotations", {})}
    return _patch(name, BUNDLE, metadata={"annotations": annotations, **metadata})


# What is installed by whose rights stands in a BundleDeployment: a thief of the worker's token changes none of it.
OF_BUNDLES = (
    _patch("another bundle", BUNDLE, spec={"template": {"spec": {"source": {"image": {"ref": "ghcr.io/evil/miner"}}}}}),
    _patch("another bundle class", BUNDLE, spec={"provisionerClassName": "core-rukpak-io-registry"}),
    _patch("a bundle's settings", BUNDLE, spec={"config": {"a": "b"}}),
    _patch("a label of a bundle", BUNDLE, spec={"template": {"metadata": {"labels": {"team": "evil"}}}}),
    _announcement("an announcement with a label", labels={"team": "evil"}),
    _announcement("an announcement with a finalizer", finalizers=["example.com/never"]),
    _announcement(
        "an announcement with an owner",
        ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "b"}],
    ),
    _announcement("an announcement that takes fields over", annotations={"krt/force": "true"}),
    _announcement("an announcement that deletes everything", annotations={"krt/delete": "everything"}),
    _announcement("an announcement without an annotation", annotations={"kept": None}),
    _announcement("an announcement that changes an annotation", annotations={"kept": "other"}),
    _announcement("an announcement with a long mark", annotations={"krt/cause": "x" * 1025}),
    _announcement("an announcement of no event", annotations={"krt/announced": "now"}),
    _announcement("an announcement of two lines", annotations={"krt/announced": "1-1\n2-2"}),
    _patch("a bundle's status", f"{BUNDLE}/status", status={"handled": "1-1"}),
    Act("create a BundleDeployment", "POST", BUNDLE.rpartition("/")[0], a_bundle_deployment(image("a"), "new")),
    Act("delete a BundleDeployment", "DELETE", BUNDLE),
    Act("delete all BundleDeployments", "DELETE", BUNDLE.rpartition("/")[0]),
    Act("create a Bundle", "POST", bundles.collection(a_bundle(image("a"))), a_bundle(image("a"), "new")),
    Act(
        "tell of an announcement elsewhere",
        "POST",
        EVENTS,
        an_event("odd-bundle", regarding={**ABOUT_A_BUNDLE, "namespace": "shop"}),
    ),
)
# What no admission policy sees: RBAC alone refuses it.
READS = (
    Act("read secrets", "GET", f"{CORE}/secrets"),
    Act("read all secrets", "GET", "/api/v1/secrets"),
    Act("read config maps", "GET", f"{CORE}/configmaps"),
    Act("read pods", "GET", f"{CORE}/pods"),
    Act("read logs", "GET", f"{CORE}/pods/any/log"),
    Act("read nodes", "GET", "/api/v1/nodes"),
    Act("read ReplicaSets", "GET", f"{SHOP}/replicasets"),
    Act("read roles", "GET", f"{RBAC}/clusterroles"),
    Act("read scale", "GET", f"{WEB}/scale"),
)
