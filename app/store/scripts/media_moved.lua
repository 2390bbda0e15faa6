-- prelude: room
-- A room's relay is gone: forget it once, and tell everyone to offer again.
-- ARGV: the dead relay → 1, or 0 when the room is not there (any more)
if missing() or get('relay') ~= ARGV[1] then return 0 end
redis.call('HSET', ROOM, 'relay', '')
redis.call('HDEL', RELAYS, ARGV[1], '!' .. ARGV[1])
append('media_moved', '{}', 'room')
touch()
return 1
