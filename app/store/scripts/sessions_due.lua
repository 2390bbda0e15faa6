-- prelude: clock
-- The rooms whose media sessions must be looked at now: each is given to one caller, and is due
-- again after a while, so that a caller that dies is followed by another. KEYS: sessions:due.
-- ARGV: ms to the next look, how many at most, TTL ms
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local rooms = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', NOW),
  'LIMIT', 0, ARGV[2])
for _, room in ipairs(rooms) do
  redis.call('ZADD', KEYS[1], string.format('%.0f', NOW + tonumber(ARGV[1])), room)
end
return rooms
