-- prelude: clock
-- A process says that it lives, and how it is. KEYS: nodes of its kind, its hash, its order to end
-- ARGV: node, ms until it is gone, ms that the list lives, field, value, …
-- → for how many seconds an operator lets it drain, '' when nobody asked it to
local gone, list = tonumber(ARGV[2]), ARGV[3]
redis.call('PEXPIRE', KEYS[1], list) -- first, so that a full Redis lets the rest through
redis.call('ZADD', KEYS[1], string.format('%.0f', NOW), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', NOW - gone))
redis.call('PEXPIRE', KEYS[1], list)
redis.call('DEL', KEYS[2])
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], gone)
return redis.call('GET', KEYS[3]) or ''
