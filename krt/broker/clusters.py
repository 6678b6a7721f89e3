"""The clusters that share one Valkey: which cluster owns which name, and when each group of workers was last seen."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import cast

from krt.backoff import Backoff
from krt.broker.bounded import GROUPS, SIGHTING
from krt.broker.client import Client
from krt.broker.keys import Keys
from krt.broker.pages import texts
from krt.broker.script import Script
from krt.core.kube.cluster_identity import ClusterIdentity, Likeness, compare, merge, parse_identity
from krt.core.report.presence import Seen, parse_sighting
from krt.errors import BrokerUnavailable, SettingsInvalid
from krt.logs import Log

log = Log("broker")

# `record` returns the text in a key, cut to 64 KiB. For a key of another type it returns a text that is not a record.
_RECORD = """
local function record(key)
  local found = redis.pcall('GET', key)
  if type(found) == 'table' and found.err and string.find(found.err, 'WRONGTYPE', 1, true) then return 'no text' end
  if type(found) == 'table' then return redis.call('GET', key) end
  return string.sub(found or '', 1, 65536)
end
"""

# This compares and sets. KEYS 1 the record of a cluster's name; ARGV 1 the record as read ("": none), 2 the new record.
# Returns 1, or 0 if somebody else has written since the record was read.
CLAIM_NAME = Script(
    _RECORD
    + """
if record(KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
)

# KEYS 1 the record of a cluster's name. Returns the record ("": none).
RECORDED = Script(_RECORD + "return record(KEYS[1])")

# KEYS 1 the sightings of the groups of workers. Returns them and the time.
SEEN = Script(
    GROUPS
    + """
return {groups_of(KEYS[1]), redis.call('TIME')[1]}
"""
)

# KEYS 1 the sightings of the groups of workers, 2 the record of the cluster's name, 3 journal
# ARGV 1 name of the cluster, then the beginnings of the keys that exist for each group.
# Returns "denied", "alive", or the number of deleted groups and records. With the first two nothing is done.
FORGET = Script(
    SIGHTING
    + """
for _, command in ipairs({{'HDEL', KEYS[1], 'f'}, {'XGROUP', 'DESTROY', KEYS[3], 'g'}, {'DEL', KEYS[2]}}) do
  if not redis.acl_check_cmd(unpack(command)) then return 'denied' end
end
local now, groups = tonumber(redis.call('TIME')[1]), {}
local seen = redis.call('HGETALL', KEYS[1])
for i = 1, #seen, 2 do
  if string.match(seen[i], '^[^:]*') == ARGV[1] then
    local _, last, _, said = sighting_of(seen[i + 1], now)
    local has_left = last and string.find(said, '"left":true', 1, true)
    if last and not has_left and now - last <= ABSENT then return 'alive' end
    groups[#groups + 1] = seen[i]
  end
end
for _, group in ipairs(groups) do
  redis.call('HDEL', KEYS[1], group)
  redis.pcall('XGROUP', 'DESTROY', KEYS[3], group)
  for i = 2, #ARGV do redis.call('DEL', ARGV[i] .. group) end
end
return #groups + redis.call('DEL', KEYS[2])
"""
)


class Forgotten(Enum):
    """The result of `forget`: done; there is no such cluster; a group of it is alive; the Valkey user may not."""

    YES = auto()
    UNKNOWN = auto()
    ALIVE = auto()
    DENIED = auto()


_REFUSED = {b"alive": Forgotten.ALIVE, b"denied": Forgotten.DENIED}


async def seen_clusters(client: Client, keys: Keys) -> Seen:
    """When each group of workers was seen, and the time now. Raises BrokerUnavailable."""
    groups, now = cast("tuple[Sequence[bytes], bytes]", await client.eval_script(SEEN, [keys.alive], []))
    return seen_of(groups, now)


def seen_of(flat: Sequence[bytes], now: bytes) -> Seen:
    """The sightings in a reply of `groups_of` (krt.broker.bounded). Fields that are not sightings are left out.

    `now` is in seconds since the epoch.
    """
    found = {name: parse_sighting(text) for name, text in texts(flat).items()}
    return Seen({name: sighting for name, sighting in found.items() if sighting}, float(now))


async def forget(client: Client, keys: Keys, name: str) -> Forgotten:
    """Delete a cluster whose workers are gone, with everything stored for its groups. Raises BrokerUnavailable."""
    of_each_group = [keys.followed(""), keys.follower(""), keys.group_made("")]
    reply = await client.eval_script(FORGET, [keys.alive, keys.cluster(name), keys.journal], [name, *of_each_group])
    if reply in _REFUSED:
        return _REFUSED[reply]
    return Forgotten.YES if reply else Forgotten.UNKNOWN


async def claim_name(client: Client, keys: Keys, name: str, own: ClusterIdentity, *, replace: bool) -> None:
    """Claim `name` for this cluster, or confirm that the cluster has the name already. Retries until Valkey answers.

    Raises SettingsInvalid if another cluster has the name and `replace` is False. The workers of two clusters with one
    name would share a consumer group: each would get half of the events, and acknowledge them for the other
    (docs/correctness.md, C1).
    """
    async for _ in Backoff(first_seconds=0.2, most_seconds=5.0):
        try:
            if await _claim(client, keys.cluster(name), name, own, replace=replace):
                return
        except BrokerUnavailable as error:
            log.warning("cluster_name_not_claimed", problem=error)


async def _claim(client: Client, key: str, name: str, own: ClusterIdentity, *, replace: bool) -> bool:
    """Whether the name is this cluster's now. False if another worker wrote the record meanwhile: then try again."""
    found = cast("bytes", await client.eval_script(RECORDED, [key], []))
    known = parse_identity(found)
    is_same = known is not None and compare(known, own) is Likeness.SAME
    if found and not is_same and not replace:
        raise SettingsInvalid((_problem(known, own).format(name=name),))
    wanted = merge(known, own).to_json() if known and is_same else own.to_json()
    if found == wanted.encode():
        return True
    try:
        return bool(await client.eval_script(CLAIM_NAME, [key], [found, wanted]))
    except BrokerUnavailable as error:
        if not is_same:
            raise
        # For example, Valkey is full. The cluster has the name nevertheless.
        log.warning("cluster_record_not_renewed", problem=error)
        return True


def _problem(known: ClusterIdentity | None, own: ClusterIdentity) -> str:
    if known is None:
        return _UNREADABLE
    return _TAKEN if compare(known, own) is Likeness.ANOTHER else _UNKNOWN


_TAKEN = (
    "KRT_CLUSTER (or --cluster): the workers of another cluster go by the name {name} on this Valkey; "
    "give each cluster a name of its own, or set KRT_CLUSTER_REPLACE=true once if this one has taken the other's place"
)
_UNKNOWN = (
    "KRT_CLUSTER (or --cluster): krt cannot tell whether this is the cluster that goes by the name {name} on this "
    "Valkey: the address or the certificate authority is not the recorded one, and no uid can be compared. If "
    "it is that cluster, set KRT_CLUSTER_REPLACE=true once, and allow the account `get` on the namespace kube-system"
)
_UNREADABLE = (
    "KRT_CLUSTER (or --cluster): the record of the cluster {name} in this Valkey cannot be read: a krt of another "
    "version wrote it, or somebody else; set KRT_CLUSTER_REPLACE=true once if no other cluster goes by that name"
)
