-- prelude: room questions roster
-- Some of those who have a seat. ARGV: cursor ('0' first), how many about
-- → {next cursor, how many there are, JSON of each}
local gone = missing()
if gone then return gone end
local reply = redis.call('HSCAN', ROSTER, ARGV[1], 'MATCH', 'p:*', 'COUNT', ARGV[2])
local found = {}
for i = 2, #reply[2], 2 do found[#found + 1] = reply[2][i] end
return { reply[1], tonumber(redis.call('HGET', ROSTER, 'count') or '0'), found }
