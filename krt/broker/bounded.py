"""Lua that several scripts share: what stands in a key is answered only as far as krt itself may have written it.

Valkey keeps values of up to 512 MB, and a connection of krt's takes answers of a megabyte. One that is larger would be
asked for again for ever, and whoever asks would be kept from everything else.
"""

from krt.core.report.presence import ABSENT_SECONDS

_MOST_NAME_BYTES = 1024  # of a field: the longest names a workload of the longest names
_MOST_VALUE_BYTES = 16 * 1024  # twice the body of an event
_ENOUGH_BYTES = 256 * 1024

# How many fields a hash has, and one of its values (false: none). What is no hash counts as an empty one.
SIZE = """
local function size_of(key)
  local size = redis.pcall('HLEN', key)
  if type(size) == 'number' then return size end
  if string.find(size.err, 'WRONGTYPE', 1, true) then return 0 end
  return redis.call('HLEN', key)
end
local function value_of(key, field) return size_of(key) > 0 and redis.call('HGET', key, field) end
"""

# `add` takes a field and its value; of one that is too large, the value is left out, and of a name that is, both.
# `all_of` answers a hash; nil where that is too much for one answer.
FIELDS = (
    SIZE
    + f"""
local MOST_NAME, MOST_VALUE, ENOUGH = {_MOST_NAME_BYTES}, {_MOST_VALUE_BYTES}, {_ENOUGH_BYTES}
local function add(fields, name, value)
  if #name > MOST_NAME then return 0 end
  if #value > MOST_VALUE then value = '' end
  fields[#fields + 1] = name
  fields[#fields + 1] = value
  return #name + #value
end
local function all_of(key)
  local fields, bytes, flat = {{}}, 0, redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    bytes = bytes + add(fields, flat[i], flat[i + 1])
    if bytes > ENOUGH then return nil end
  end
  return fields
end
"""
)

# When a group of workers was seen, and its presence; nil for what is none. A time that is yet to come was taken while
# Valkey's clock was ahead, or written by a hand. The group counts as silent then, and is waited for all the same: one
# that lives says so again within half a minute, and an event must not pass over it till then.
SIGHTING = (
    f"""
local ABSENT = {ABSENT_SECONDS:.0f}
"""
    """
local function sighting_of(text, now)
  local first, last, earlier, said = string.match(text or '', '^(%d+) (%d+) (%d+) (.*)$')
  if not first then return nil end
  local function sane(time, instead)
    time = tonumber(time)
    return time > now + ABSENT and instead or time
  end
  return sane(first, 0), sane(last, now - ABSENT - 1), sane(earlier, now - ABSENT - 1), said
end
local function spelled(first, last, earlier, said)
  return string.format('%.0f %.0f %.0f ', first, last, earlier) .. said
end
"""
)

# What is known of the groups of workers, and nothing else that stands there. If there is too much that looks like it,
# those are answered that were there last: an event must not pass over a cluster for what somebody's hand wrote.
GROUPS = (
    FIELDS
    + SIGHTING
    + """
local function groups_of(key)
  local found, fields, bytes, now = {}, {}, 0, tonumber(redis.call('TIME')[1])
  local flat = size_of(key) > 0 and redis.call('HGETALL', key) or {}
  for i = 1, #flat, 2 do
    if #flat[i + 1] <= MOST_NAME and string.find(flat[i + 1], '^%d+ %d+ %d+ {') then
      local first, last, earlier, said = sighting_of(flat[i + 1], now)
      found[#found + 1] = {last, flat[i], spelled(first, last, earlier, said)}
    end
  end
  table.sort(found, function(one, other) return one[1] > other[1] end)
  for _, one in ipairs(found) do
    if bytes <= ENOUGH then bytes = bytes + add(fields, one[2], one[3]) end
  end
  return fields
end
"""
)
