"""The scripts that read or change reports. States only move forward, even if workers write in another order, or twice.

The report of an event is a hash. In addition, each group of workers has a hash of the workloads that it follows,
each with the ids of events: "KIND/NAMESPACE/NAME/UID" → "ID ID…". When a report changes, its event's id is published.
"""

from krt.broker.bounded import FIELDS, GROUPS, SIGHTING, SIZE
from krt.broker.script import Script
from krt.broker.target_lua import STATES
from krt.core.report.report import MOST_TARGETS

_MOST_IDS_BYTES = 128 * 1024  # of the ids of the events that wait for one workload: some six thousand ids

# `forward` writes a field, unless the stored one is newer, the same, or final and not followed by the new state in the
# table STATES. Returns 1 if it changed something, otherwise 0. A stored value that is not JSON counts as missing and is
# overwritten. A key that is not a hash counts as no report.
#
# `is_folded` deletes a field instead, if the event has more than MOST workloads, the report has more than MOST fields
# and STATES folds the workload's state. If the state is a success, the report keeps one field that says so of all such
# workloads ("done/GROUP"). Unfinished and failed workloads keep their fields. A thousand more fields that say "ready"
# would cost memory for a day and help nobody.
#
# `follow` adds an event to the events that wait for a workload's rollout.
_FORWARD = (
    SIZE + STATES + f"""
local MOST, MOST_IDS = {MOST_TARGETS}, {_MOST_IDS_BYTES}
"""
    """
local function decoded(text)
  local ok, value = pcall(cjson.decode, text)
  if ok and type(value) == 'table' then return value end
  return {}
end
local function is_folded(report, field, new)
  local group, place = string.match(field, '^target/([^/]*)/(.*)$')
  local rule = group and STATES[new.state]
  if not (rule and rule.is_folded) or redis.call('HLEN', report) <= MOST then return false end
  if not decoded(redis.call('HGET', report, 'group/' .. group) or '').workloads then return false end
  redis.call('HDEL', report, field, 'warnings/' .. group .. '/' .. place)
  if rule.is_success then redis.call('HSET', report, 'done/' .. group, '1') end
  return true
end
local function forward(report, field, new)
  if size_of(report) == 0 then return 0 end
  local old = redis.call('HGET', report, field)
  if old == new then return 0 end
  if old then
    local was, is = decoded(old), decoded(new)
    if was.final == true and not (STATES[was.state] and STATES[was.state].may_become[is.state]) then return 0 end
    local one = was.uid == nil or is.uid == nil or was.uid == is.uid
    local at = tonumber(was.version) or 0
    if one and at > (tonumber(is.version) or 0) and at <= 2 ^ 53 then return 0 end
  end
  if not is_folded(report, field, decoded(new)) then redis.call('HSET', report, field, new) end
  return 1
end
local function follow(followed, name, id)
  local held = redis.call('HGET', followed, name)
  if not held then redis.call('HSET', followed, name, id)
  elseif not string.find(' ' .. held .. ' ', ' ' .. id .. ' ', 1, true) then
    local ids = held .. ' ' .. id
    if #ids > MOST_IDS then ids = string.match(ids, ' (.*)$') end -- without the oldest: six thousand have come after it
    redis.call('HSET', followed, name, ids)
  end
end
"""
)

# KEYS 1 the report, 2 the group's followed workloads
# ARGV 1 id, 2 channel, 3 lifetime of the second key (ms), 4 the number of fields, then field and value of each, then
#      the workloads to follow. Returns the number of fields that changed. A worker calls this before it acts, so that
#      another worker can go on from here.
RECORD = Script(
    _FORWARD
    + """
local changed, last = 0, 4 + 2 * ARGV[4]
for i = 5, last, 2 do changed = changed + forward(KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV do follow(KEYS[2], ARGV[i], ARGV[1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if changed > 0 then redis.pcall('PUBLISH', ARGV[2], ARGV[1]) end
return changed
"""
)

# KEYS 1 journal, 2 the report, 3 the group's followed workloads
# ARGV 1 group, 2 id, 3 channel, 4 lifetime of the third key (ms), 5 the number of fields, then field and value of each,
#      then pairs of a target's field and the workload to follow unless that target is final.
# Writes the outcome and acknowledges the entry. The script depends on nothing that an earlier call wrote, because a
# failover to a new primary may have lost that. Returns 1 if the entry was not acknowledged before.
SETTLE = Script(
    _FORWARD
    + """
local changed = 0
local last = 5 + 2 * ARGV[5]
for i = 6, last, 2 do changed = changed + forward(KEYS[2], ARGV[i], ARGV[i + 1]) end
for i = last + 1, #ARGV, 2 do
  local said = value_of(KEYS[2], ARGV[i])
  if said and decoded(said).final ~= true then follow(KEYS[3], ARGV[i + 1], ARGV[2]) end
end
if #ARGV > last then redis.call('PEXPIRE', KEYS[3], ARGV[4]) end
if changed > 0 then redis.pcall('PUBLISH', ARGV[3], ARGV[2]) end
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
"""
)

# KEYS 1 the group's followed workloads
# ARGV 1 the workload, 2 its uid, 3 the target's field, 4 its value, 5 "1" if its state is final, 6 beginning of report
#      keys, 7 channel, then the ids of the events.
# Returns the number of reports that this changed. A target of another object of the same name (by uid) is not changed.
# An event is followed on if its report has the object at a newer version, because the final state is an older one's:
# the worker that settled the event has read the object later than the index of the worker that follows it.
TELL = Script(
    _FORWARD
    + """
local held = redis.call('HGET', KEYS[1], ARGV[1])
if not held then return 0 end
local listed, kept, changed = {}, {}, 0
for i = 8, #ARGV do listed[ARGV[i]] = true end
local function is_of_it(report)
  local uid = decoded(value_of(report, ARGV[3]) or '').uid
  return uid == nil or uid == ARGV[2]
end
local function goes_on(report)
  local said = value_of(report, ARGV[3])
  return said and decoded(said).final ~= true and is_of_it(report)
end
for id in string.gmatch(held, '%S+') do
  local report = ARGV[6] .. id
  if listed[id] and is_of_it(report) and forward(report, ARGV[3], ARGV[4]) == 1 then
    changed = changed + 1
    redis.pcall('PUBLISH', ARGV[7], id)
  end
  if not (listed[id] and ARGV[5] == '1') or goes_on(report) then kept[#kept + 1] = id end
end
if #kept == 0 then redis.call('HDEL', KEYS[1], ARGV[1])
elseif ARGV[5] == '1' then redis.call('HSET', KEYS[1], ARGV[1], table.concat(kept, ' ')) end
return changed
"""
)

# KEYS 1 the group's followed workloads
# ARGV 1 the workload, 2 beginning of report keys, 3 the group's field, 4 the target's field,
#      5 the position (from 0) of the first id to return, then all ids that the caller knows.
# Returns for each id from there on, as many as fit into one reply: whether there is a report (1 or 0), and the values
# of the two fields. Returns nothing if the workload is also followed for an event that the caller did not list: a
# superseded event counts as settled, and its successor would be missing from the decision.
STANDINGS = Script(
    FIELDS
    + """
local asked, found, bytes = {}, {}, 0
for i = 6, #ARGV do asked[ARGV[i]] = true end
for id in string.gmatch(redis.call('HGET', KEYS[1], ARGV[1]) or '', '%S+') do
  if not asked[id] then return {} end
end
for i = 6 + ARGV[5], #ARGV do
  local report, said = ARGV[2] .. ARGV[i], {}
  if bytes > ENOUGH then break end
  if size_of(report) > 0 then
    bytes = bytes + add(said, '', redis.call('HGET', report, ARGV[3]) or '')
    bytes = bytes + add(said, '', redis.call('HGET', report, ARGV[4]) or '')
    found[#found + 1] = {1, said[2], said[4]}
  else found[#found + 1] = {0, '', ''} end
end
return found
"""
)

# KEYS 1 the report; ARGV 1 a field. Returns its value; "" if krt writes none as large, nil if there is none.
SAID = Script(
    FIELDS
    + """
local value, said = value_of(KEYS[1], ARGV[1]), {}
if not value then return nil end
add(said, '', value)
return said[2]
"""
)

# The hash of sightings has a field "GROUP" for each group, and "GROUP/WORKER" for each of its workers with the time
# when the worker was last alive.
# `others_living` returns the number of the group's other workers that are alive. It also deletes the fields of those
# that are not, and the fields that krt did not write; it corrects times in the future, which would never pass. It
# deletes a thousand foreign fields at a time, to be quick: while a script runs, Valkey answers nobody.
_WORKERS = (
    FIELDS
    + SIGHTING
    + """
local function put_right(alive, group, text, now)
  local first, last, earlier, said = sighting_of(text, now)
  local right = first and spelled(first, last, earlier, said)
  if right and right ~= text then redis.call('HSET', alive, group, right) end
end
local function others_living(alive, group, own, now)
  local living, junk, said = 0, {}, redis.call('HGETALL', alive)
  for i = 1, #said, 2 do
    if string.sub(said[i], 1, #group + 1) == group .. '/' and said[i] ~= own then
      if math.abs(now - (tonumber(said[i + 1]) or 0)) <= ABSENT then living = living + 1
      else redis.call('HDEL', alive, said[i]) end
    elseif #said[i] > MOST_NAME or #said[i + 1] > MOST_NAME or not string.find(said[i + 1], '^%d[%d ]*') then
      junk[#junk + 1] = said[i]
    else put_right(alive, said[i], said[i + 1], now) end
  end
  for i = 1, #junk, 1000 do redis.call('HDEL', alive, unpack(junk, i, math.min(i + 999, #junk))) end
  return living
end
"""
)

# KEYS 1 the sightings
# ARGV 1 group, 2 the silence after which a new sighting begins (s), 3 its presence, 4 the worker
# Writes the group's sighting: the times `first`, `last` and `earlier` of krt.core.report.presence, and its presence.
# Returns the number of the group's other workers that are alive.
ALIVE = Script(
    _WORKERS
    + """
local now, own = tonumber(redis.call('TIME')[1]), ARGV[1] .. '/' .. ARGV[4]
local first, last, earlier = sighting_of(redis.call('HGET', KEYS[1], ARGV[1]), now)
if not last then first, earlier = now, 0
elseif now - last > tonumber(ARGV[2]) then first, earlier = now, last end
redis.call('HSET', KEYS[1], ARGV[1], spelled(first, now, earlier, ARGV[3]), own, string.format('%.0f', now))
return others_living(KEYS[1], ARGV[1], own, now)
"""
)

# KEYS and ARGV are those of ALIVE; the presence is that of a group that has left.
# Returns 1 if the worker was the last of its group, so that the group has left. A worker that died within the last
# minute counts as alive: then the group has not left, but only falls silent, as after a crash. The same happens if the
# worker's own field is missing.
LEAVE = Script(
    _WORKERS
    + """
local now, own = tonumber(redis.call('TIME')[1]), ARGV[1] .. '/' .. ARGV[4]
local first, _, earlier = sighting_of(redis.call('HGET', KEYS[1], ARGV[1]), now)
local is_last = first and redis.call('HGET', KEYS[1], own)
  and others_living(KEYS[1], ARGV[1], own, now) == 0
if is_last then
  redis.call('HSET', KEYS[1], ARGV[1], spelled(first, now, earlier, ARGV[3]))
end
redis.call('HDEL', KEYS[1], own)
return is_last and 1 or 0
"""
)

# KEYS 1 the report, 2 the sightings; ARGV 1 the most fields in one reply.
# Returns the fields, the sightings, the time, and 1 if the fields are complete. Otherwise 0, without the fields of
# targets. The caller reads these later than the groups, so that no target of a finished group is missed.
READ = Script(
    GROUPS
    + """
local groups, now, size = groups_of(KEYS[2]), redis.call('TIME')[1], size_of(KEYS[1])
if size == 0 then return {{}, groups, now, 1} end
local all = size <= tonumber(ARGV[1]) and all_of(KEYS[1])
if all then return {all, groups, now, 1} end
local fields, cursor, bytes = {}, '0', 0
repeat
  local found = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 1000)
  cursor = found[1]
  for i = 1, #found[2], 2 do
    local name, value = found[2][i], found[2][i + 1]
    if string.sub(name, 1, 7) ~= 'target/' and bytes <= ENOUGH then bytes = bytes + add(fields, name, value) end
  end
until cursor == '0'
return {fields, groups, now, 0}
"""
)

# KEYS 1 a hash; ARGV 1 cursor, 2 the number of bytes after which the page ends. Returns the next cursor, and fields and
# values. A field that exists from the first page to the last is on one page at least.
PAGE = Script(
    FIELDS
    + """
local fields, cursor, bytes = {}, ARGV[1], 0
repeat
  local found = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 10)
  cursor = found[1]
  for i = 1, #found[2], 2 do bytes = bytes + add(fields, found[2][i], found[2][i + 1]) end
until cursor == '0' or bytes > tonumber(ARGV[2])
return {cursor, fields}
"""
)

# Like PAGE, for the group's followed workloads. A field that does not name a workload and events is deleted. The
# namespace, between the first two slashes, may be empty.
FOLLOWED = Script(
    FIELDS + f"""
local MOST_IDS = {_MOST_IDS_BYTES}
"""
    """
local function is_own(name, ids)
  return #name <= MOST_NAME and #ids <= MOST_IDS
    and string.find(name, '^[^/]+/[^/]*/[^/]+/[^/]+$') and string.find(ids, '^%d+%-%d[%d %-]*$')
end
local fields, cursor, bytes, steps = {}, ARGV[1], 0, 0
repeat
  local found = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', 2)
  cursor, steps = found[1], steps + 1
  for i = 1, #found[2], 2 do
    local name, ids = found[2][i], found[2][i + 1]
    if is_own(name, ids) then
      fields[#fields + 1] = name
      fields[#fields + 1] = ids
      bytes = bytes + #name + #ids
    else redis.call('HDEL', KEYS[1], name) end
  end
until cursor == '0' or bytes > tonumber(ARGV[2]) or steps == 20000
return {cursor, fields}
"""
)

# KEYS 1 the report; ARGV 1 the field ENDED, 2 a final state. Stores the state in the report, unless one is stored
# already; returns the state that counts.
END = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then return ARGV[2] end
local ended = redis.call('HGET', KEYS[1], ARGV[1])
if ended and #ended <= 64 then return ended end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return ARGV[2]
""")
