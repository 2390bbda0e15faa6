-- prelude: clock
-- A process is dead: nothing of it stays. It is left alone if it was heard of after all.
-- KEYS: nodes of its kind, its hash, its order to end, its commands. ARGV: node, ms of silence
-- → 1 if it was buried, by this caller or before
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if at and NOW - tonumber(at) < tonumber(ARGV[2]) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
return 1
