-- prelude: room questions floor
-- The holder's process says that its connection is alive. A process that was paused for longer
-- than its lease takes the slot up again, if nobody else did.
-- ARGV: holder, epoch, lease ms → due ms, or 0 when the slot is somebody else's or the room gone
if missing() then return 0 end
if get('holder') ~= ARGV[1] or get('epoch') ~= ARGV[2] then return 0 end
touch()
local lease = NOW + tonumber(ARGV[3])
redis.call('HSET', ROOM, 'lease', ms(lease))
drop_idle_speakers()
local _ = tend() -- what the process of a voter or an assistant would do, if it still runs
if get('status') == 'AWAY' then
  redis.call('HSET', ROOM, 'status', 'LIVE')
  redis.call('HDEL', ROOM, 'deadline')
  append('presenter_back', '{}', 'room')
end
return ms(lease)
