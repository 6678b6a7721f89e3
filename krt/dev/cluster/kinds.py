"""The table of kinds that the stand-in serves. To serve another kind, add a row."""

from dataclasses import dataclass
from typing import Any

from krt.core.kube import resource, restartable
from krt.core.kube.resource import Resource

Json = dict[str, Any]  # objects are plain JSON, so unknown fields are kept

EMPTY_TEMPLATE: Json = {"metadata": {}, "spec": {"containers": None}}
STRATEGY: Json = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}


@dataclass(frozen=True, slots=True)
class Kind:
    """One row. `spec_defaults` are the real server's defaults for the fields that krt reads."""

    served: Resource
    spec_defaults: Json
    empty_status: Json
    empty_spec: Json
    """The spec in a bookmark. The real server sends null for its lists there, which typed readers do not expect."""
    annotations_bump: bool = False
    """Whether a change of annotations alone raises the generation, as for Deployments (PrepareForUpdate there)."""

    @property
    def name(self) -> str:
        """The kind, such as `Deployment`."""
        return self.served.kind

    @property
    def resource(self) -> str:
        """The plural in paths, such as `deployments`."""
        return self.served.plural

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.served.group

    @property
    def api_version(self) -> str:
        """The apiVersion, such as `apps/v1`."""
        return self.served.api_version

    @property
    def namespaced(self) -> bool:
        """Whether objects of this kind live in namespaces."""
        return self.served.namespaced

    @property
    def qualified(self) -> str:
        """The name in error messages, such as `deployments.apps`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def is_workload(self) -> bool:
        """Whether it has a pod template."""
        return self.name in restartable.RESTARTABLE

    @property
    def has_generation(self) -> bool:
        """Whether its generation counts the changes of its spec."""
        return self.name in restartable.REACHABLE

    def type_fields(self, suffix: str = "") -> bytes:
        """The first bytes of an object, or with the suffix `List` of a list, of this kind."""
        return f'{{"kind":"{self.name}{suffix}","apiVersion":"{self.api_version}",'.encode()


DEPLOYMENT = Kind(
    restartable.DEPLOYMENT,
    spec_defaults={
        "replicas": 1,
        "strategy": STRATEGY,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    },
    empty_status={},
    empty_spec={"replicas": 0, "selector": None, "template": EMPTY_TEMPLATE, "strategy": {}},
    annotations_bump=True,
)
STATEFULSET = Kind(
    restartable.STATEFUL_SET,
    spec_defaults={
        "replicas": 1,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "revisionHistoryLimit": 10,
    },
    empty_status={"replicas": 0, "availableReplicas": 0},
    empty_spec={
        "replicas": 0,
        "selector": None,
        "template": EMPTY_TEMPLATE,
        "serviceName": "",
        "updateStrategy": {},
    },
)
DAEMONSET = Kind(
    restartable.DAEMON_SET,
    spec_defaults={
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        "revisionHistoryLimit": 10,
    },
    empty_status={
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    },
    empty_spec={"selector": None, "template": EMPTY_TEMPLATE, "updateStrategy": {}},
)
NAMESPACE = Kind(
    resource.NAMESPACE,
    spec_defaults={"finalizers": ["kubernetes"]},
    empty_status={"phase": "Active"},
    empty_spec={},
)

BUNDLE_DEPLOYMENT = Kind(restartable.BUNDLE_DEPLOYMENT, spec_defaults={}, empty_status={}, empty_spec={})

KINDS = (DEPLOYMENT, STATEFULSET, DAEMONSET, NAMESPACE, BUNDLE_DEPLOYMENT)
BY_RESOURCE = {(kind.api_version, kind.resource): kind for kind in KINDS}
BY_NAME = {kind.name: kind for kind in KINDS}
