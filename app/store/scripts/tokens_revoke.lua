-- Let the room tokens of one role that were given so far be good no more. KEYS: a lecture's counts.
-- ARGV: role, TTL ms (no token lives longer) → how often that was done
local times = redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return times
