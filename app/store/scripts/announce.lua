-- prelude: clock
-- A process says that it is alive. KEYS: nodes of its kind. ARGV: node, TTL ms, ms until forgotten
redis.call('PEXPIRE', KEYS[1], ARGV[2]) -- first, so that a full Redis lets the rest through
redis.call('ZADD', KEYS[1], string.format('%.0f', NOW), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', NOW - ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
