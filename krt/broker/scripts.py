"""The scripts that read or change the journal. Each is a single step: after a crash all of it was done, or nothing.

A script runs with the ACL of the user that calls it. Times are by Valkey's clock, and lifetimes are relative.
"""

from krt.broker.bounded import FRAME_BYTES
from krt.broker.script import Script

# `may_write` raises the error of the first command that the user may not run, before anything is written. Otherwise an
# entry could be appended whose report cannot be written: the call fails, and each retry appends the entry again.
_MAY_WRITE = """
local function may_write(journal, report)
  local commands = {{'XADD', journal, '*', 'f', 'v'}, {'HSET', report, 'f', 'v'}, {'PEXPIRE', report, 1}}
  for _, command in ipairs(commands) do
    if not redis.acl_check_cmd(unpack(command)) then redis.call(unpack(command)) end
  end
end
"""

# `is_id` says whether a text spells an event's id. Somebody may have written another text by hand.
_IS_ID = """
local function is_id(text)
  local time, sequence = string.match(text, '^(%d+)%-(%d+)$')
  return time and #time < 20 and #sequence < 20 and not string.find(text, '^0%d') and not string.find(text, '%-0%d')
end
"""

# `text_of` returns the text in a key, false if there is none. A key of another type (not krt's) counts as "".
_TEXT_OF = """
local function text_of(key)
  local found = redis.pcall('GET', key)
  if type(found) ~= 'table' then return found end
  if string.find(found.err, 'WRONGTYPE', 1, true) then return '' end
  return redis.call('GET', key)
end
"""

# KEYS 1 journal, 2 its name, 3 the token's record, 4 the Idempotency-Key's record (or the third key again)
# ARGV 1 fingerprint of the call, 2 and 3 lifetimes of the two records (ms),
#      4 the most entries, 5 a random name for a new journal, 6 channel, 7 message (empty: none),
#      8 beginning of report keys, 9 lifetime of a report (ms), 10… the fields
# Returns "accepted ID RECEIVERS" (-1: the PUBLISH was refused), "again ID", "used" (another call used the token),
# "key-used" (another call used the Idempotency-Key) or "full". After the last three nothing was written.
# A record that krt cannot have written counts as another call's: nobody knows whether that call was accepted.
#
# PUBLISH comes last, and by pcall: an event that is in the journal is accepted, even if the PUBLISH fails.
ACCEPT = Script(
    _MAY_WRITE
    + _IS_ID
    + _TEXT_OF
    + """
local function remember(id)
  redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. id, 'PX', ARGV[2])
  if KEYS[4] ~= KEYS[3] then redis.call('SET', KEYS[4], ARGV[1] .. ' ' .. id, 'PX', ARGV[3]) end
end
local spent = text_of(KEYS[3])
if spent then
  local print, id = string.match(spent, '^(%S+) (%S+)$')
  if print == ARGV[1] and is_id(id) then return {'again', id} end
  return {'used'}
end
local retried = KEYS[4] ~= KEYS[3] and text_of(KEYS[4])
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

# KEYS 1 journal, 2 its name, 3 the lease, 4 the message's record
# ARGV 1 the worker that should hold the lease, 2 the most entries, 3 a random name for a new journal,
#      4 beginning of report keys, 5 lifetime of a report (ms), 6 lifetime of the message's record (ms), 7… the fields
# Returns "adopted ID", "lost" (this worker does not hold the lease) or "full". A repeated call returns the same id.
ADOPT = Script(
    _MAY_WRITE
    + _IS_ID
    + _TEXT_OF
    + """
local known = text_of(KEYS[4])
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

# KEYS 1 the lease; ARGV 1 the worker, 2 lifetime of the lease (ms). Returns 1 if the worker holds the lease now. A
# lease counts only if its holder has a name of the form that krt makes and its lifetime is not longer than ARGV 2: any
# other was written by hand, and would keep all workers from their work.
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

# KEYS 1 journal, 2 when the group was created; ARGV 1 group. Returns 1 if it was created now. A new group begins with
# the oldest entry, so that events that are older than its first worker are not lost.
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

# `named` makes a table by field names of XINFO's reply. `group_named` returns this table of one group, or nil.
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

# `is_ahead` says whether the id that a group was given last is later than the journal's newest one. Only XGROUP SETID
# can set it so, and the group would be given nothing until the journal has passed that id.
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

# KEYS 1 journal, 2 when the group was created; ARGV 1 group. Returns 1 if the group was ahead of the journal. Its true
# place is not known, so it begins anew with the oldest entry, like a group that was destroyed. It does nothing for
# events that have ended (docs/correctness.md, C2).
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

# `bounded` returns the bytes of an entry. If there are more than `most`, it removes the fields and leaves only the id.
# Somebody else can write entries of up to 512 MB, and a connection to Valkey accepts replies of 1 MiB. So the scripts
# below read entries one by one: a large entry does not block the entries after it.
_BOUNDED = f"""
local FRAME = {FRAME_BYTES}
local function bounded(entry, most)
  local size = 64
  for _, part in ipairs(entry[2] or {{}}) do size = size + #part + FRAME end
  if size <= most then return size end
  entry[2] = {{}}
  return 64
end
"""

# KEYS 1 journal; ARGV 1 group, 2 consumer, 3 the most entries, 4 the most bytes of one, 5 the number of bytes after
#      which no more entries are read, 6 the id to go on after, or ">" for entries that no consumer was given yet.
# Returns the entries, or the error AHEAD if there are none because the group is ahead of the journal.
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

# KEYS 1 journal; ARGV 1 group, 2 consumer, 3 the idle time from which an entry may be claimed (ms), 4 cursor,
#      5 the most entries, 6 the most bytes of one, 7 the number of bytes after which no more entries are claimed.
# Returns the next cursor, the entries, how often each was delivered, and ids that are not in the journal any more.
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

# KEYS 1 journal; ARGV 1 group, 2 consumer, 3 the most entries, 4 the idle time to set (ms): 0 renews the consumer's
# entries, a day lets any other consumer claim them at once. Returns their ids.
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

# KEYS 1 journal, 2 its name; ARGV 1 a random name. Returns the name, the newest id that was given out, and 1 if the
# name is new: there was none, or one that krt did not make and that perhaps no mark can spell; otherwise 0.
# This is a script, because XINFO's own reply contains the first and the last entry in full, however large they are.
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

# KEYS 1 when the group was created; ARGV 1 how far a time may be in the future (ms), because clocks are set back.
# Returns the time, or 0 if there is none, or one that krt did not write.
GROUP_MADE = Script("""
local made, now = string.sub(redis.call('GET', KEYS[1]) or '', 1, 20), redis.call('TIME')[1] * 1000
if not string.find(made, '^%d+$') or tonumber(made) > now + ARGV[1] then return '0' end
return made
""")

# KEYS 1 journal; ARGV 1 group. Returns the number of entries, the number that workers of the group hold, the oldest id
# of those (empty: none), and the number that no worker was given yet (-1: Valkey cannot tell).
BACKLOG = Script(
    _NAMED
    + """
local pending, group = redis.call('XPENDING', KEYS[1], ARGV[1]), group_named(KEYS[1], ARGV[1])
return {redis.call('XLEN', KEYS[1]), pending[1], pending[2] or '', group and group['lag'] or -1}
"""
)

# KEYS 1 journal; ARGV 1 group, 2 lifetime of entries (ms), 3 the idle time from which a consumer is deleted (ms).
# Trims by Valkey's clock. Deletes only consumers that hold nothing: Valkey forgets the entries of a deleted consumer.
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
