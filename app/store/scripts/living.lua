-- The processes heard of lately. KEYS: nodes of a kind. ARGV: ms that count as lately
-- → node, ms since its last heartbeat, …; those of longer ago are dropped
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - ARGV[1]))
local list = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 2, #list, 2 do list[i] = string.format('%.0f', now - tonumber(list[i])) end
return list
