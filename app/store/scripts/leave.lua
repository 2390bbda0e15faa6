-- A process ends: nothing of it stays. KEYS: nodes of its kind, its hash, its order to
-- end. ARGV: node → whether it was there
local was = redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3])
return was
