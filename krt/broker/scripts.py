"""The scripts by which the journal changes: each one a single step that a crash leaves wholly done or wholly undone.

They run under the caller's own ACL. Times are Valkey's own; lifetimes are relative.
"""

from krt.broker.script import Script

# A command that its user may not run is run before anything is written, to fail there: an entry whose report or token
# could not be written would be journaled and refused, and journaled again with each retry.
_MAY_WRITE = """
local function may_write(journal, report)
  local commands = {{'XADD', journal, '*', 'f', 'v'}, {'HSET', report, 'f', 'v'}, {'PEXPIRE', report, 1}}
  for _, command in ipairs(commands) do
    if not redis.acl_check_cmd(unpack(command)) then redis.call(unpack(command)) end
  end
end
"""

# Whether it spells an event's id. What another hand wrote there is none.
_IS_ID = """
local function is_id(text)
  local time, sequence = string.match(text, '^(%d+)%-(%d+)$')
  return time and #time < 20 and #sequence < 20 and not string.find(text, '^0%d') and not string.find(text, '%-0%d')
end
"""

# KEYS 1 journal, 2 its name, 3 the spent token, 4 the retry key of an Idempotency-Key (or the third again)
# ARGV 1 fingerprint of the call, 2 and 3 how long token and retry key are remembered (ms),
#      4 the most entries, 5 a random name for a new journal, 6 channel, 7 message (empty: none),
#      8 what report keys begin with, 9 how long a report is kept (ms), 10… the fields
# Answers "accepted ID RECEIVERS" (-1: the PUBLISH was refused), "again ID", "used" (the token, for another call),
# "key-used" (the Idempotency-Key, for another call; nothing was written) or "full".
#
# Published last and by pcall: an event that stands in the journal is accepted, whether or not anybody was rung for.
ACCEPT = Script(
    _MAY_WRITE
    + _IS_ID
    + """
local function remember(id)
  redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. id, 'PX', ARGV[2])
  if KEYS[4] ~= KEYS[3] then redis.call('SET', KEYS[4], ARGV[1] .. ' ' .. id, 'PX', ARGV[3]) end
end
local spent = redis.call('GET', KEYS[3])
if spent then
  local print, id = string.match(spent, '^(%S+) (%S+)$')
  if print == ARGV[1] and is_id(id) then return {'again', id} end
  return {'used'}
end
local retried = KEYS[4] ~= KEYS[3] and redis.call('GET', KEYS[4])
if retried then
  local print, id = string.match(retried, '^(%S+) (%S+)$')
  if print ~= ARGV[1] or not is_id(id) then return {'key-used'} end
  remember(id)
  return {'again', id}
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4]) then return {'full'} end
may_write(KEYS[1], ARGV[8])
redis.call('SET', KEYS[2], ARGV[5], 'NX')
local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 10))
redis.call('HSET', ARGV[8] .. id, unpack(ARGV, 10))
redis.call('PEXPIRE', ARGV[8] .. id, ARGV[9])
remember(id)
if ARGV[7] == '' then return {'accepted', id, 0} end
local receivers = redis.pcall('PUBLISH', ARGV[6], ARGV[7])
return {'accepted', id, type(receivers) == 'number' and receivers or -1}
"""
)

# KEYS 1 journal, 2 its name, 3 the lease, 4 the message
# ARGV 1 who should hold the lease, 2 the most entries, 3 a random name, 4 what report keys begin with,
#      5 how long a report is kept (ms), 6 how long the message is remembered (ms), 7… the fields
# Answers "adopted ID", "lost" (another one holds the lease now) or "full". Whoever did not hear it asks again.
ADOPT = Script(
    _MAY_WRITE
    + _IS_ID
    + """
local known = redis.call('GET', KEYS[4])
if known and is_id(known) then return {'adopted', known} end
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'lost'} end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then return {'full'} end
may_write(KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[3], 'NX')
local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 7))
redis.call('HSET', ARGV[4] .. id, unpack(ARGV, 7))
redis.call('PEXPIRE', ARGV[4] .. id, ARGV[5])
redis.call('SET', KEYS[4], id, 'PX', ARGV[6])
return {'adopted', id}
"""
)

# KEYS 1 the lease; ARGV 1 who asks, 2 how long it lasts (ms). Answers 1 if the asker holds it now. Holders have names
# of one form, and no lease lasts longer than it is asked for; what differs was written by hand, and would hold up all.
LEASE = Script("""
local holder = redis.call('GET', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
local is_ending = left >= 0 and left <= tonumber(ARGV[2])
local is_held = holder and is_ending and #holder == #ARGV[1] and string.find(holder, '^%x+$')
if is_held and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")

_MADE_NOW = """
local function made_now(key)
  local now = redis.call('TIME')
  redis.call('SET', key, now[1] * 1000 + math.floor(now[2] / 1000))
end
"""

# KEYS 1 journal, 2 when the group was made; ARGV 1 group. A new group begins with the oldest entry: what was announced
# before its first worker came is not lost.
CREATE_GROUP = Script(
    _MADE_NOW
    + """
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err then
  if string.find(made.err, 'BUSYGROUP', 1, true) then return 0 end
  return made
end
made_now(KEYS[2])
return 1
"""
)

# What XINFO answers, by the fields' names; of one group, nil where there is none of that name.
_NAMED = """
local function named(flat)
  local fields = {}
  for i = 1, #flat, 2 do fields[flat[i]] = flat[i + 1] end
  return fields
end
local function group_named(journal, name)
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', journal)) do
    local fields = named(group)
    if fields['name'] == name then return fields end
  end
end
"""

# Whether a group has been given everything up to an id that the journal has not given out: somebody's hand set it so
# (XGROUP SETID), and it would be given nothing until the journal has passed that.
_IS_AHEAD = (
    _NAMED
    + """
local function is_later(one, other)
  if one ~= other and #one == #other then return one > other end
  return #one > #other
end
local function is_ahead(journal, group)
  local newest = named(redis.call('XINFO', 'STREAM', journal))['last-generated-id']
  local newest_time, newest_sequence = string.match(newest, '^(%d+)%-(%d+)$')
  local fields = group_named(journal, group)
  if not fields then return false end
  local time, sequence = string.match(fields['last-delivered-id'], '^(%d+)%-(%d+)$')
  return is_later(time, newest_time) or time == newest_time and is_later(sequence, newest_sequence)
end
"""
)

# KEYS 1 journal, 2 when the group was made; ARGV 1 group. Answers 1 if the group was ahead of the journal. Nobody knows
# how far it had been, so it begins anew with the oldest entry, as one that was destroyed: what is over stays over (C2).
REWIND = Script(
    _MADE_NOW
    + _IS_AHEAD
    + """
if not is_ahead(KEYS[1], ARGV[1]) then return 0 end
redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], '0')
made_now(KEYS[2])
return 1
"""
)

# Valkey keeps entries of up to 512 MB, and a connection of krt's takes answers of a megabyte. So entries are looked at
# one by one: of an entry that is larger than krt writes any, the id is answered and no field, and those behind it are
# not kept waiting.
_BOUNDED = """
local function bounded(entry, most)
  local size = 64
  for _, part in ipairs(entry[2] or {}) do size = size + #part end
  if size <= most then return size end
  entry[2] = {}
  return 64
end
"""

# KEYS 1 journal; ARGV 1 group, 2 consumer, 3 the most entries, 4 the most bytes of one, 5 after how many bytes it is
#      enough, 6 the id to go on after, or ">" for what no consumer of the group was given yet. Answers the entries, or
#      the error AHEAD where there are none because the group is ahead of the journal.
READ_GROUP = Script(
    _BOUNDED
    + _IS_AHEAD
    + """
local found, bytes, after = {}, 0, ARGV[6]
while #found < tonumber(ARGV[3]) and bytes < tonumber(ARGV[5]) do
  local reply = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', 1, 'STREAMS', KEYS[1], after)
  local entry = reply and reply[1] and reply[1][2][1]
  if not entry then break end
  bytes = bytes + bounded(entry, tonumber(ARGV[4]))
  found[#found + 1] = entry
  if after ~= '>' then after = entry[1] end
end
if #found == 0 and after == '>' and is_ahead(KEYS[1], ARGV[1]) then
  return {err = 'AHEAD the consumer group ' .. ARGV[1] .. ' is ahead of the journal'}
end
return found
"""
)

# KEYS 1 journal; ARGV 1 group, 2 consumer, 3 how long an entry must have been left alone (ms), 4 cursor, 5 the most
#      entries, 6 the most bytes of one, 7 after how many bytes it is enough.
# Answers the next cursor, the entries, how often each was delivered, and the ids that are in the journal no more.
CLAIM = Script(
    _BOUNDED
    + """
local found, deliveries, deleted, bytes, cursor = {}, {}, {}, 0, ARGV[4]
for _ = 1, tonumber(ARGV[5]) do
  local reply = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], cursor, 'COUNT', 1)
  cursor = reply[1]
  for _, entry in ipairs(reply[2]) do
    bytes = bytes + bounded(entry, tonumber(ARGV[6]))
    found[#found + 1] = entry
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)
    deliveries[#found] = pending[1] and pending[1][4] or 1
  end
  for _, id in ipairs(reply[3]) do deleted[#deleted + 1] = id end
  if cursor == '0-0' or bytes >= tonumber(ARGV[7]) then break end
end
return {cursor, found, deliveries, deleted}
"""
)

# KEYS 1 journal; ARGV 1 group, 2 consumer, 3 the most, 4 for how long they count as left alone already (ms).
# Renews (0) or releases (more than any idle time) what is the consumer's; answers the ids.
HOLD = Script("""
local ids = {}
for i, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[3], ARGV[2])) do
  ids[i] = pending[1]
end
if #ids == 0 then return ids end
local claim = {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], '0'}
for _, id in ipairs(ids) do claim[#claim + 1] = id end
for _, word in ipairs({'IDLE', ARGV[4], 'JUSTID'}) do claim[#claim + 1] = word end
return redis.call(unpack(claim))
""")

# KEYS 1 journal, 2 its name; ARGV 1 a random name. Answers the name and the newest id that was given out, of one
# moment, and 1 if the name is a new one: there was none, or one that krt did not make, and perhaps no mark can spell.
# The reply to XINFO itself holds the first and the last entry whole, however large they are.
POSITION = Script(
    _NAMED
    + """
local newest = named(redis.call('XINFO', 'STREAM', KEYS[1]))['last-generated-id']
local name, is_new = redis.call('GET', KEYS[2]) or '', 0
if #name ~= #ARGV[1] or not string.find(name, '^[0-9a-f]+$') then
  name, is_new = ARGV[1], 1
  redis.call('SET', KEYS[2], name)
end
return {name, newest, is_new}
"""
)

# KEYS 1 when the group was made. Answers that, or what else stands there, as far as it may be a time.
GROUP_MADE = Script("return string.sub(redis.call('GET', KEYS[1]) or '', 1, 20)")

# KEYS 1 journal; ARGV 1 group. Answers how many entries there are, how many of them workers of the group hold, the
# oldest of those (empty: none), and how many nobody was given yet (-1: Valkey cannot tell).
BACKLOG = Script(
    _NAMED
    + """
local pending, group = redis.call('XPENDING', KEYS[1], ARGV[1]), group_named(KEYS[1], ARGV[1])
return {redis.call('XLEN', KEYS[1]), pending[1], pending[2] or '', group and group['lag'] or -1}
"""
)

# KEYS 1 journal; ARGV 1 group, 2 how long entries are kept (ms), 3 how long a consumer may be gone (ms).
# Trims by Valkey's own clock, and forgets consumers that hold nothing: deleting one deletes what it holds.
TIDY = Script(
    _NAMED
    + """
local now = redis.call('TIME')
local oldest = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[2])
local trimmed = redis.call('XTRIM', KEYS[1], 'MINID', oldest)
local info = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if info.err then return trimmed end
for _, consumer in ipairs(info) do
  local fields = named(consumer)
  if fields['pending'] == 0 and fields['idle'] > tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], fields['name'])
  end
end
return trimmed
"""
)
