-- prelude: clock
-- Have somebody look at a room in a while, unless an earlier look is due. KEYS: a due set.
-- ARGV: room, ms from now, TTL ms
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local due = NOW + tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], 'LT', string.format('%.0f', due), ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
