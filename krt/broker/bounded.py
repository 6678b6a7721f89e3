"""Lua that several scripts share: what stands in a key is answered only as far as krt itself may have written it.

Valkey keeps values of up to 512 MB, and a connection of krt's takes answers of a megabyte. One that is larger would be
asked for again for ever, and whoever asks would be kept from everything else.
"""

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

# What is known of the groups of workers, and nothing else that stands there. If there is too much that looks like it,
# those are answered that were there last: an event must not pass over a cluster for what somebody's hand wrote.
GROUPS = (
    FIELDS
    + """
local function groups_of(key)
  local found, fields, bytes = {}, {}, 0
  local flat = size_of(key) > 0 and redis.call('HGETALL', key) or {}
  for i = 1, #flat, 2 do
    local last = #flat[i + 1] <= MOST_NAME and string.match(flat[i + 1], '^%d+ (%d+) %d+ {')
    if last then found[#found + 1] = {tonumber(last), flat[i], flat[i + 1]} end
  end
  table.sort(found, function(one, other) return one[1] > other[1] end)
  for _, one in ipairs(found) do
    if bytes <= ENOUGH then bytes = bytes + add(fields, one[2], one[3]) end
  end
  return fields
end
"""
)
