"""The scripts by which reports change: only forward, whoever writes, however often and in whatever order.

A report is a hash for each event. What workloads are still followed for which events stands beside it, a hash for each
group of workers: "KIND/NAMESPACE/NAME/UID" → "ID ID…". Every change of a report is rung for on a channel of krt's own.
"""

from krt.broker.bounded import FIELDS, GROUPS, SIGHTING, SIZE
from krt.broker.script import Script
from krt.broker.target_lua import STATES
from krt.core.report.report import MOST_TARGETS

_MOST_IDS_BYTES = 128 * 1024  # of the events that one workload is followed for: some six thousand

# What is not JSON counts as nothing said: it is overwritten, and stops nobody. A report's key that holds something else
# than a hash counts as no report.
#
# An event with more workloads than a report tells one by one (its group says how many) keeps a field for each of them
# that is unfinished or failed. Of those that ended well and stand beyond the first MOST fields it keeps that there are
# some ("done/GROUP"): a thousand more lines of "ready" would cost memory for a day, and tell nobody anything.
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
    if #ids > MOST_IDS then ids = string.match(ids, ' (.*)$') end -- the oldest: six thousand have come after it
    redis.call('HSET', followed, name, ids)
  end
end
"""
)

# KEYS 1 the report, 2 what is followed
# ARGV 1 id, 2 channel, 3 how long what is followed is kept (ms), 4 how many fields, then field and value each,
#      then what to follow. Written before what is written is done: whoever takes over goes on from here.
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

# KEYS 1 journal, 2 the report, 3 what is followed
# ARGV 1 group, 2 id, 3 channel, 4 how long what is followed is kept (ms), 5 how many fields, then field and value each,
#      then a field and what to follow each. Writes the outcome and acknowledges the entry.
# It rests on nothing that an earlier call wrote: a failover may have lost that, and this one comes to the new primary.
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

# KEYS 1 what is followed
# ARGV 1 the followed, 2 its uid, 3 the field, 4 the value, 5 "1" if it is the last word, 6 what report keys begin with,
#      7 channel, then the ids. Answers how many reports that changed. What an event says of another object of the
#      name (by uid) stays as it is.
TELL = Script(
    _FORWARD
    + """
local held = redis.call('HGET', KEYS[1], ARGV[1])
if not held then return 0 end
local listed, kept, changed = {}, {}, 0
for i = 8, #ARGV do listed[ARGV[i]] = true end
for id in string.gmatch(held, '%S+') do
  if listed[id] then
    local said = value_of(ARGV[6] .. id, ARGV[3])
    local uid = decoded(said or '').uid
    if (uid == nil or uid == ARGV[2]) and forward(ARGV[6] .. id, ARGV[3], ARGV[4]) == 1 then
      changed = changed + 1
      redis.pcall('PUBLISH', ARGV[7], id)
    end
  end
  if not (listed[id] and ARGV[5] == '1') then kept[#kept + 1] = id end
end
if #kept == 0 then redis.call('HDEL', KEYS[1], ARGV[1])
elseif ARGV[5] == '1' then redis.call('HSET', KEYS[1], ARGV[1], table.concat(kept, ' ')) end
return changed
"""
)

# KEYS 1 what is followed
# ARGV 1 the followed, 2 what report keys begin with, 3 the group's field, 4 the target's,
#      5 the first place (from 0) among the ids that is asked about, then all ids.
# Answers for each of these, or as many as one answer may hold, whether there is a report (1 or 0), and what the two
# fields hold; nothing if it is followed for another one by now: one that was superseded is settled, and what took its
# place would be missing from the picture.
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

# KEYS 1 the report; ARGV 1 a field. Answers what it holds; "" where krt never writes that, nil where there is none.
SAID = Script(
    FIELDS
    + """
local value, said = value_of(KEYS[1], ARGV[1]), {}
if not value then return nil end
add(said, '', value)
return said[2]
"""
)

# Beside each group, "GROUP", stands each of its workers, "GROUP/WORKER", and when it was there last. What is neither of
# the two goes, and times that are yet to come are put right: they would never pass.
# It goes by the thousand: while a script runs, Valkey answers nobody.
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

# KEYS 1 when each group of workers was seen
# ARGV 1 group, 2 after what silence it counts as gone (s), 3 its presence, 4 the worker
# Kept are: since when it has been there, when it was last, when it was last before it was gone, and its presence.
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

# KEYS 1 when each group of workers was seen; ARGV as of ALIVE, the presence that of a group that has left.
# Answers 1 if the worker was the last one of its group, which has left by that. One that died lately counts as living:
# then the group only falls silent, as after a crash. So does one whose worker was not known any more.
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

# KEYS 1 the report, 2 when each group of workers was seen; ARGV 1 how many fields may be answered at once.
# Answers the fields, what is known of the groups, the time, and 1 if the fields are all there are. Where they are more,
# those of targets are missing: they are to be read afterwards, so that none of a group that has ended is missed.
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

# KEYS 1 a hash; ARGV 1 cursor, 2 after how many bytes it is enough. Answers the next cursor, and fields and values:
# what is there from the first page to the last is on one of them at least.
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

# KEYS 1 what is followed; ARGV 1 cursor, 2 after how many bytes it is enough. As PAGE; what names no workload and no
# events goes, however much of it there is.
FOLLOWED = Script(
    FIELDS + f"""
local MOST_IDS = {_MOST_IDS_BYTES}
"""
    """
local function is_own(name, ids)
  return #name <= MOST_NAME and #ids <= MOST_IDS
    and string.find(name, '^[^/]+/[^/]+/[^/]+/[^/]+$') and string.find(ids, '^%d+%-%d[%d %-]*$')
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

# KEYS 1 the report; ARGV 1 the field, 2 the final state to be answered. Answers the state that was stored first.
END = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then return ARGV[2] end
local ended = redis.call('HGET', KEYS[1], ARGV[1])
if ended and #ended <= 64 then return ended end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return ARGV[2]
""")
