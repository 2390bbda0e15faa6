-- prelude: room
-- A WHIP session is over. If it held the slot, the room is held for the grace period.
-- ARGV: peer, grace ms → due ms; -1 when the slot is not touched; 0 when it is another's session
if missing() or get('whip') ~= ARGV[1] then return 0 end
touch()
redis.call('HDEL', ROOM, 'whip', 'whipLease', 'sources')
append('sources', '{"camera":false,"microphone":false,"screen":false}', 'room')
append('whip', '{"live":false}', 'room')
if get('status') ~= 'LIVE' or get('holder') ~= 'whip/' .. ARGV[1] then return -1 end
local deadline = NOW + tonumber(ARGV[2])
redis.call('HSET', ROOM, 'status', 'AWAY', 'holder', '', 'deadline', ms(deadline))
append('presenter_away', '{"deadline":"' .. iso(DATE + tonumber(ARGV[2])) .. '"}', 'room')
touch()
return ms(deadline)
