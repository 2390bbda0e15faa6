-- Note that somebody is in a room, so that a connection without an offer is let in again.
-- A presenter who also listens in another tab stays the room's presenter.
-- KEYS: user. ARGV: type, room, TTL ms
local field = 'room:' .. ARGV[2]
redis.call('HSET', KEYS[1], 'type', ARGV[1], 'roomId', ARGV[2])
if redis.call('HGET', KEYS[1], field) ~= 'PRESENTER' then
  redis.call('HSET', KEYS[1], field, ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
