-- prelude: clock
-- The processes heard of lately. KEYS: nodes of a kind. ARGV: ms that count as lately
-- → node, ms since its last heartbeat, …; those of longer ago are dropped
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', NOW - ARGV[1]))
local list = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 2, #list, 2 do list[i] = string.format('%.0f', NOW - tonumber(list[i])) end
return list
