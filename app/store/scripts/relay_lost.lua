-- prelude: room
-- A relay of the room is dead, and is not the room's first: who was on it must offer again.
-- ARGV: node → 1 for one caller only
if missing() or redis.call('HDEL', RELAYS, ARGV[1]) == 0 then return 0 end
append('media_moved', '{"relay":' .. cjson.encode(ARGV[1]) .. '}', 'room')
touch()
return 1
