-- prelude: clock
-- The rooms that somebody must look at now. KEYS: rooms:due. ARGV: how many at most, TTL ms
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', NOW), 'LIMIT', 0, ARGV[1])
