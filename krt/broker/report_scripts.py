"""The scripts by which reports change: only forward, whoever writes, however often and in whatever order.

A report is a hash for each event. What workloads are still followed for which events stands beside it, a hash for each
group of workers: workload → "UID ID ID…". Every change of a report is rung for on a channel of krt's own.
"""

from krt.broker.script import Script

_COMMON = """
local function forward(report, field, new)
  if redis.call('EXISTS', report) == 0 then return end
  local old = redis.call('HGET', report, field)
  if old == new then return end
  if old then
    local was, is = cjson.decode(old), cjson.decode(new)
    if was.final or (was.version or 0) > (is.version or 0) then return end
  end
  redis.call('HSET', report, field, new)
end
local function before(one, other)
  local m, s = string.match(one, '^(%d+)-(%d+)$')
  local n, t = string.match(other, '^(%d+)-(%d+)$')
  m, s, n, t = tonumber(m), tonumber(s), tonumber(n), tonumber(t)
  return m < n or (m == n and s <= t)
end
local function tell(open, workload, upto, target, new, final, reports, channel)
  local held = redis.call('HGET', open, workload)
  if not held then return end
  local uid, ids = string.match(held, '^(%S+) (.*)$')
  local kept = {}
  for id in string.gmatch(ids, '%S+') do
    if before(id, upto) then
      forward(reports .. id, target, new)
      redis.pcall('PUBLISH', channel, id)
      if not final then kept[#kept + 1] = id end
    else
      kept[#kept + 1] = id
    end
  end
  if #kept == 0 then redis.call('HDEL', open, workload)
  elseif final then redis.call('HSET', open, workload, uid .. ' ' .. table.concat(kept, ' ')) end
end
"""

# KEYS 1 the report, 2 what is followed
# ARGV 1 id, 2 what report keys begin with, 3 channel, 4 what is said of targets that are gone, 5 how many fields,
#      then field and value each, then for each workload to follow: its name, its uid, its field.
# Written before what is written is done: whoever takes over goes on from here.
RECORD = Script(
    _COMMON
    + """
local n = tonumber(ARGV[5])
for i = 6, 5 + 2 * n, 2 do forward(KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = 6 + 2 * n, #ARGV, 3 do
  local held = redis.call('HGET', KEYS[2], ARGV[i])
  if held and string.match(held, '^(%S+) ') ~= ARGV[i + 1] then
    tell(KEYS[2], ARGV[i], '99999999999999-0', ARGV[i + 2], ARGV[4], true, ARGV[2], ARGV[3])
    held = nil
  end
  if not held then redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[1])
  elseif not string.find(held .. ' ', ' ' .. ARGV[1] .. ' ', 1, true) then
    redis.call('HSET', KEYS[2], ARGV[i], held .. ' ' .. ARGV[1])
  end
end
redis.pcall('PUBLISH', ARGV[3], ARGV[1])
return 1
"""
)

# KEYS 1 journal, 2 the report, 3 what is followed
# ARGV 1 group, 2 id, 3 what report keys begin with, 4 channel, 5 the group's field, 6 its value,
#      then for each workload that is done with: its name, its field, its value.
# Writes the outcome and acknowledges the entry. Older events that waited for the same restart share its fate.
SETTLE = Script(
    _COMMON
    + """
for i = 7, #ARGV, 3 do
  forward(KEYS[2], ARGV[i + 1], ARGV[i + 2])
  tell(KEYS[3], ARGV[i], ARGV[2], ARGV[i + 1], ARGV[i + 2], true, ARGV[3], ARGV[4])
end
forward(KEYS[2], ARGV[5], ARGV[6])
redis.pcall('PUBLISH', ARGV[4], ARGV[2])
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
"""
)

# KEYS 1 what is followed; ARGV 1 workload, 2 the newest id that this is said for, 3 the field, 4 the value,
#      5 "1" if it is the last word, 6 what report keys begin with, 7 channel.
TELL = Script(
    _COMMON
    + """
tell(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1', ARGV[6], ARGV[7])
return 1
"""
)

# KEYS 1 when each group of workers was last seen; ARGV 1 group.
ALIVE = Script("""
local now = redis.call('TIME')
return redis.call('HSET', KEYS[1], ARGV[1], now[1])
""")

# KEYS 1 the report, 2 when each group of workers was last seen. Answers both, and the time.
READ = Script("""
return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]), redis.call('TIME')[1]}
""")
