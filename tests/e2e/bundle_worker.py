"""What a worker needs for BundleDeployments, besides what it needs for workloads."""

from tests.apiserver import bundles
from tests.apiserver.objects import Object

RULES: tuple[Object, ...] = (
    {"apiGroups": [bundles.GROUP], "resources": ["bundledeployments"], "verbs": ["get", "list", "watch", "patch"]},
)
KINDS = ("--kinds", "Deployment,BundleDeployment")
