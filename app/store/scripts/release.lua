-- prelude: room
-- The holder's connection is gone: hold the room until the deadline. Fenced by holder and epoch,
-- so a late disconnect of an older connection changes nothing (X7).
-- ARGV: holder, epoch, grace ms → due ms, or 0 when the slot is somebody else's
if missing() or get('status') ~= 'LIVE' then return 0 end
if get('holder') ~= ARGV[1] or get('epoch') ~= ARGV[2] then return 0 end
touch()
local deadline = NOW + tonumber(ARGV[3])
redis.call('HSET', ROOM, 'status', 'AWAY', 'holder', '', 'deadline', ms(deadline))
append('presenter_away', '{"deadline":"' .. iso(deadline) .. '"}', 'room')
touch()
return ms(deadline)
