"""The scripts by which the journal changes: each one a single step that a crash leaves wholly done or wholly undone.

They run under the caller's own ACL. Times are Valkey's own; lifetimes are relative.
"""

from krt.broker.script import Script

# KEYS 1 journal, 2 its name, 3 the spent token, 4 the retry key of an Idempotency-Key (or the third again)
# ARGV 1 fingerprint of the call, 2 and 3 how long token and retry key are remembered (ms),
#      4 the most entries, 5 a random name for a new journal, 6 channel, 7 message (empty: none), 8… the fields
# Answers "accepted ID RECEIVERS" (-1: the PUBLISH was refused), "again ID", "used" or "full".
#
# Published last and by pcall: an event that stands in the journal is accepted, whether or not anybody was rung for.
ACCEPT = Script("""
local function remember(id)
  redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. id, 'PX', ARGV[2])
  if KEYS[4] ~= KEYS[3] then redis.call('SET', KEYS[4], ARGV[1] .. ' ' .. id, 'PX', ARGV[3]) end
end
local spent = redis.call('GET', KEYS[3])
if spent then
  local print, id = string.match(spent, '^(%S+) (%S+)$')
  return print == ARGV[1] and {'again', id} or {'used'}
end
local retried = KEYS[4] ~= KEYS[3] and redis.call('GET', KEYS[4])
if retried then
  local id = string.match(retried, ' (%S+)$')
  remember(id)
  return {'again', id}
end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4]) then return {'full'} end
redis.call('SET', KEYS[2], ARGV[5], 'NX')
local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 8))
remember(id)
if ARGV[7] == '' then return {'accepted', id, 0} end
local receivers = redis.pcall('PUBLISH', ARGV[6], ARGV[7])
return {'accepted', id, type(receivers) == 'number' and receivers or -1}
""")

# KEYS 1 journal, 2 its name, 3 the lease; ARGV 1 who should hold it, 2 the most entries, 3 a random name, 4… the fields
# Answers "adopted ID", "lost" (another one holds the lease now) or "full".
ADOPT = Script("""
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'lost'} end
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then return {'full'} end
redis.call('SET', KEYS[2], ARGV[3], 'NX')
return {'adopted', redis.call('XADD', KEYS[1], '*', unpack(ARGV, 4))}
""")

# KEYS 1 the lease; ARGV 1 who asks, 2 how long it lasts (ms). Answers 1 if the asker holds it now.
LEASE = Script("""
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")
