-- prelude: room
-- The room's WHIP session is alive. Where nobody else presents, it keeps the slot.
-- ARGV: peer, lease ms → due ms of the slot, or 0 when it is another's (or no) session
if missing() or get('whip') ~= ARGV[1] then return 0 end
touch()
local lease = NOW + tonumber(ARGV[2])
redis.call('HSET', ROOM, 'whipLease', ms(lease))
local holder = 'whip/' .. ARGV[1]
if get('status') == 'AWAY' then
  redis.call('HINCRBY', ROOM, 'epoch', 1)
  redis.call('HSET', ROOM, 'status', 'LIVE', 'holder', holder)
  redis.call('HDEL', ROOM, 'deadline')
  append('presenter_back', '{}', 'room')
end
if get('holder') == holder then redis.call('HSET', ROOM, 'lease', ms(lease)) end
return ms(tonumber(get('lease') or '0'))
