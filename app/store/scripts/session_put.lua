-- Keep one media session that came over HTTP. KEYS: a room's sessions.
-- ARGV: peer, its record, how many at most, TTL ms → 1, or 0 when there are too many
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
  and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
