"""Sample workloads: a few that show each case, and any number for measurements."""

from collections.abc import Iterator

from krt.core.rukpak.names import BUNDLE_DEPLOYMENT, PLAIN
from krt.dev.cluster.kinds import Json
from krt.dev.cluster.rollout import FAILS

DIGEST = "sha256:" + "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
ENVIRONMENT_VARIABLES = 40  # they make each Deployment of many_deployments about 4 kB long


def sample_deployments() -> list[Json]:
    """Deployments in three namespaces, with every outcome that `krt all --dev` can show."""
    shop, blog = "ghcr.io/acme/shop", "ghcr.io/acme/blog"
    return [
        deployment("web", "shop", f"{shop}:dev", replicas=3),
        deployment("worker", "shop", f"{shop}:dev", replicas=2, init_image=f"{shop}-migrate:dev"),
        deployment("search", "shop", f"{shop}:stable"),
        deployment("blog", "blog", f"{blog}:dev", replicas=2),
        deployment("preview", "blog", f"{blog}:dev", annotations={FAILS: "fails"}, progress_deadline_seconds=10),
        deployment("shop-mirror", "ops", f"{shop}:dev", annotations={"krt/restart": "disabled"}),
        deployment("shop-pinned", "ops", f"{shop}:dev@{DIGEST}"),
    ]


def sample_bundle_deployment() -> Json:
    """One whose bundle is the image ghcr.io/acme/shop-bundle."""
    source = {"type": "image", "image": {"ref": "ghcr.io/acme/shop-bundle:dev"}}
    spec = {"provisionerClassName": PLAIN, "source": source}
    return {
        "apiVersion": BUNDLE_DEPLOYMENT.api_version,
        "kind": BUNDLE_DEPLOYMENT.kind,
        "metadata": {"name": "shop"},
        "spec": {"provisionerClassName": PLAIN, "template": {"spec": spec}},
    }


def many_deployments(count: int, *, images: int | None = None) -> Iterator[Json]:
    """`count` Deployments of about 4 kB, 100 in each namespace, with `images` different images (default: `count`)."""
    for index in range(count):
        image = f"ghcr.io/acme/app-{index % (images or count):05}:dev"
        document = deployment(f"app-{index:05}", f"team-{index // 100:03}", image, replicas=2)
        container = document["spec"]["template"]["spec"]["containers"][0]
        container["env"] = [
            {"name": f"SETTING_{number:02}", "value": f"https://app-{index:05}.example.com/setting/{number}"}
            for number in range(ENVIRONMENT_VARIABLES)
        ]
        yield document


def deployment(
    name: str,
    namespace: str,
    image: str,
    *,
    replicas: int = 1,
    init_image: str | None = None,
    annotations: dict[str, str] | None = None,
    pull_policy: str = "Always",
    progress_deadline_seconds: int = 600,
) -> Json:
    """A Deployment that was rolled out long ago."""
    container = {"name": name, "image": image, "imagePullPolicy": pull_policy}
    pod: Json = {"containers": [container]}
    if init_image:
        pod["initContainers"] = [{"name": "init", "image": init_image, "imagePullPolicy": pull_policy}]
    labels = {"app": name}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}}
    spec |= {"template": {"metadata": {"labels": labels}, "spec": pod}}
    spec |= {"progressDeadlineSeconds": progress_deadline_seconds}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    metadata |= {"annotations": {"deployment.kubernetes.io/revision": "1", **(annotations or {})}}
    status = _rolled_out(name, replicas)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def _rolled_out(name: str, replicas: int) -> Json:
    counts = {n: replicas for n in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas") if replicas}
    since = "2026-01-05T09:00:00Z"
    stamps = {"lastUpdateTime": since, "lastTransitionTime": since}
    available = {"reason": "MinimumReplicasAvailable", "message": "Deployment has minimum availability."}
    progressing = {
        "reason": "NewReplicaSetAvailable",
        "message": f'ReplicaSet "{name}-6495d945c9" has successfully progressed.',
    }
    conditions = [
        {"type": "Available", "status": "True", **stamps, **available},
        {"type": "Progressing", "status": "True", **stamps, **progressing},
    ]
    return {"observedGeneration": 1, **counts, "conditions": conditions}
