"""The kind App on the API server, and documents of it."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.apiserver.objects import Object

GROUP = "/apis/krt.internal/v1alpha1"
COMPONENT = Path(__file__).parents[2] / "deploy" / "kubernetes" / "components" / "app-secrets"


@cache
def app_crd() -> Object:
    """The definition as it is delivered. Not to be changed."""
    found: Object = yaml.safe_load((COMPONENT / "crds.yaml").read_text())
    return found


def rights() -> list[Object]:
    """The roles as they are delivered."""
    return list(yaml.safe_load_all((COMPONENT / "rights.yaml").read_text()))


def an_app(name: str, linked: Object, **spec: Any) -> Object:
    """`linked` has for each environment the names of its Deployments, and the reload strategy."""
    found = {each: {"deployments": names, "reload": reload} for each, (names, reload) in linked.items()}
    return {
        "apiVersion": "krt.internal/v1alpha1",
        "kind": "App",
        "metadata": {"name": name},
        "spec": {"strategy": "env", "environments": found} | spec,
    }
