"""Deletes keys to which somebody else gave a wrong type: otherwise every call that needs such a key fails for ever."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast

from krt.broker.client import Client
from krt.broker.script import Script
from krt.errors import BrokerRefused
from krt.logs import Log

log = Log("broker")
T = TypeVar("T")

# KEYS are the keys to check, ARGV the type that each should have. Deletes those of another type, and returns their
# names. Deletes by PEXPIRE 0, because the worker's ACL has no DEL.
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
    """The result of `ask`. `own` maps keys that `ask` uses to their types.

    If `ask` raises BrokerRefused with WRONGTYPE, the keys that have another type are deleted, and `ask` is called once
    more. If no key has another type, the error is raised.
    """
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
