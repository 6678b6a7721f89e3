"""The clusters that meet at one Valkey: each name belongs to one of them."""

from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.broker.script import Script
from krt.errors import BrokerUnavailable, SettingsInvalid
from krt.logs import Log
from krt.serving.backoff import Backoff

log = Log("broker")

# KEYS 1 the record of a cluster's name; ARGV 1 the cluster's identity, 2 "1" to take the name over.
# Answers 1 if the name is this cluster's now.
CLAIM_NAME = Script("""
local known = redis.call('GET', KEYS[1])
if known and known ~= ARGV[1] and ARGV[2] ~= '1' then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
""")


async def claim_name(client: Client, keys: Keys, name: str, identity: str, *, replace: bool) -> None:
    """Make sure that nobody but this cluster's workers goes by `name`; waits for Valkey. Raises SettingsInvalid.

    Workers of two clusters under one name would share one consumer group: each would get half of the events, and
    acknowledge them for the other (C1 of docs/correctness.md).
    """
    async for _ in Backoff(first_seconds=0.2, most_seconds=5.0):
        try:
            own = await client.eval_script(CLAIM_NAME, [keys.cluster(name)], [identity, "1" if replace else "0"])
        except BrokerUnavailable as error:
            log.warning("cluster_name_not_claimed", problem=error)
            continue
        if not own:
            raise SettingsInvalid((_TAKEN.format(name=name),))
        return


_TAKEN = (
    "KRT_CLUSTER (or --cluster): the workers of another cluster go by the name {name} on this Valkey; give each "
    "cluster a name of its own, or set KRT_CLUSTER_REPLACE=true once if this one has taken the other's place"
)
