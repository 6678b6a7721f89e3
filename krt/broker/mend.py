"""Sets aside what somebody's hand wrote into a key of krt's: it would be refused with every call, for ever."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast

from krt.broker.client import Client
from krt.broker.script import Script
from krt.errors import BrokerRefused
from krt.logs import Log

log = Log("broker")
T = TypeVar("T")

# KEYS some keys; ARGV of which type each of them is. Deletes those of another type (PEXPIRE 0 does that, and the worker
# may), and answers them.
SET_ASIDE = Script("""
local gone = {}
for i, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= ARGV[i] and found ~= 'none' then
    redis.call('PEXPIRE', key, 0)
    gone[#gone + 1] = key
  end
end
return gone
""")


async def mended(client: Client, own: Mapping[str, str], ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` answers; if one of krt's `own` keys (name → type) is of another type, once that is set aside."""
    try:
        return await ask()
    except BrokerRefused as error:
        if error.code != "WRONGTYPE":
            raise
        gone = cast("Sequence[bytes]", await client.eval_script(SET_ASIDE, [*own], [*own.values()]))
        if not gone:
            raise
    log.error("keys_set_aside", keys=[key.decode(errors="replace") for key in gone])
    return await ask()
