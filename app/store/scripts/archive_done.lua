-- prelude: room
-- The archive has all of an ended lecture: late readers may learn that it is over for a while, and
-- nothing else is left of it. ARGV: lecture id, '1': keep only the end itself
-- → 1, or 0 when the keys are not this lecture's any more
if redis.call('HEXISTS', ROOM, 'status') == 1 then return 0 end
local last = last_event()
if not last or last.type ~= 'ended' or last.lectureId ~= ARGV[1] then return 0 end
redis.call('DEL', BLOBS)
if ARGV[2] == '1' then redis.call('XTRIM', EVENTS, 'MAXLEN', 1) end
local left = redis.call('PTTL', EVENTS)
if left < 0 or left > ENDED_LOG_TTL then redis.call('PEXPIRE', EVENTS, ENDED_LOG_TTL) end
return 1
