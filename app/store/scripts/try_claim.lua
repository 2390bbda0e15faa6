-- prelude: room
-- Give the slot to an owner's connection that brings no offer, only when it is free: nobody is
-- there, or the lease ran out. The connection that holds it already keeps its epoch.
-- ARGV: email, holder, lease ms → {epoch (0: taken by another), due ms}
local gone = missing()
if gone then return gone end
if get('presenterEmail') ~= ARGV[1] then
  return redis.error_reply('forbidden only the lecture\'s owner presents')
end
local lease = NOW + tonumber(ARGV[3])
local held = tonumber(get('lease') or '0')
local away = get('status') == 'AWAY'
-- A WHIP session that keeps the slot gives it to any connection that can write.
if string.sub(get('holder') or '', 1, 5) == 'whip/' then held = 0 end
local mine = get('holder') == ARGV[2]
if not mine and not away and held > NOW then return { 0, ms(held) } end
local epoch = tonumber(get('epoch'))
if not mine then epoch = redis.call('HINCRBY', ROOM, 'epoch', 1) end
redis.call('HSET', ROOM, 'status', 'LIVE', 'holder', ARGV[2], 'lease', ms(lease))
redis.call('HDEL', ROOM, 'deadline')
if away then append('presenter_back', '{}', 'room') end
touch()
return { epoch, ms(lease) }
