"""The variables of a bundle: the environment's, then the cluster's values, then the cluster's name and group. Pure."""

from collections.abc import Mapping

from krt.core.fleet.extract import RuntimeVariable
from krt.core.fleet.runtime import RuntimeCluster
from krt.secret import Secret

CLUSTER_NAME, CLUSTER_GROUP = "TIMONI_CLUSTER_NAME", "TIMONI_CLUSTER_GROUP"


def environment_variables(environ: Mapping[str, str]) -> dict[str, RuntimeVariable]:
    """The environment's variables. krt takes each for a secret, because many are secrets."""
    return {name: RuntimeVariable("string", Secret(text), is_secret=True) for name, text in environ.items()}


def variables_of(
    environment: Mapping[str, RuntimeVariable], values: Mapping[str, RuntimeVariable], cluster: RuntimeCluster
) -> dict[str, RuntimeVariable]:
    """All variables for one cluster. Of equal names the later source counts. Only a defined cluster has a name."""
    found = {**environment, **values}
    if cluster.name:
        found[CLUSTER_NAME] = RuntimeVariable("string", Secret(cluster.name))
        found[CLUSTER_GROUP] = RuntimeVariable("string", Secret(cluster.group))
    return found
