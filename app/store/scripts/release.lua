-- prelude: room
-- The holder's connection is gone: hold the room until the deadline. Fenced by holder and epoch,
-- so a late disconnect of an older connection changes nothing (X7).
-- ARGV: holder, epoch, grace ms → due ms, or 0 when the slot is somebody else's
if missing() or get('status') ~= 'LIVE' then return 0 end
if get('holder') ~= ARGV[1] or get('epoch') ~= ARGV[2] then return 0 end
touch()
-- A live WHIP session takes the slot over (docs/decisions/0050): nobody is away.
local whip_lease = tonumber(get('whipLease') or '0')
if whip_lease > NOW then
  redis.call('HINCRBY', ROOM, 'epoch', 1)
  redis.call('HSET', ROOM, 'holder', 'whip/' .. get('whip'), 'lease', ms(whip_lease))
  return ms(whip_lease)
end
local deadline = NOW + tonumber(ARGV[3])
redis.call('HSET', ROOM, 'status', 'AWAY', 'holder', '', 'deadline', ms(deadline))
append('presenter_away', '{"deadline":"' .. iso(DATE + tonumber(ARGV[3])) .. '"}', 'room')
touch()
return ms(deadline)
