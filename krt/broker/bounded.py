"""Lua functions that several scripts share. They return a stored value only up to the size that krt may have written.

Somebody else can write values of up to 512 MB into krt's keys, and a connection to Valkey accepts replies of 1 MiB.
A larger reply would end the connection, and the caller would ask for the same value again and again.
"""

from krt.core.report.presence import ABSENT_SECONDS

_MOST_NAME_BYTES = 1024  # of a hash field; enough for a workload with the longest names that Kubernetes allows
_MOST_VALUE_BYTES = 16 * 1024  # twice the body of an event
_ENOUGH_BYTES = 320 * 1024  # of one reply
FRAME_BYTES = 10  # the most around a part of up to 99,999 bytes in a reply: `$`, the length, two line ends (RESP2)

# `size_of` returns the number of fields of a hash, `value_of` the value of one field, or false if there is none. A key
# of another type counts as an empty hash.
SIZE = """
local function size_of(key)
  local size = redis.pcall('HLEN', key)
  if type(size) == 'number' then return size end
  if string.find(size.err, 'WRONGTYPE', 1, true) then return 0 end
  return redis.call('HLEN', key)
end
local function value_of(key, field) return size_of(key) > 0 and redis.call('HGET', key, field) end
"""

# `add` appends a field and its value to a reply, and returns their bytes in it. If the value is too large, "" takes its
# place; if the name is too large, both are left out. `all_of` returns a whole hash; nil if one reply cannot hold it.
FIELDS = (
    SIZE
    + f"""
local MOST_NAME, MOST_VALUE, ENOUGH, FRAME = {_MOST_NAME_BYTES}, {_MOST_VALUE_BYTES}, {_ENOUGH_BYTES}, {FRAME_BYTES}
local function add(fields, name, value)
  if #name > MOST_NAME then return 0 end
  if #value > MOST_VALUE then value = '' end
  fields[#fields + 1] = name
  fields[#fields + 1] = value
  return #name + #value + 2 * FRAME
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

# `sighting_of` returns the three times of a stored sighting and its presence; nil if `text` is not a sighting. A time
# in the future was taken while Valkey's clock was ahead, or was written by hand. A group with such a time counts as
# silent, but events still wait for it: if it lives, it writes the right time within half a minute, and no event may
# pass it over until then. `spelled` is the inverse.
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

# `groups_of` returns the sightings of all groups of workers, and no other field of the hash. If there are too many for
# one reply, it returns the groups that were alive last: foreign fields must not make an event pass over a living
# cluster.
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
