-- prelude: room
-- The archive has all of an ended lecture: late readers may learn that it is over for a while, and
-- nothing else is left of it. ARGV: lecture id, what stays of the log for late
-- readers: 'log', 'end' (only that it ended), 'nothing'
-- → 1, or 0 when the keys are not this lecture's any more
if redis.call('HEXISTS', ROOM, 'status') == 1 then return 0 end
local last = last_event()
if not last or last.type ~= 'ended' or last.lectureId ~= ARGV[1] then return 0 end
redis.call('DEL', BLOBS)
if ARGV[2] == 'nothing' then
  redis.call('DEL', EVENTS)
  return 1
end
if ARGV[2] == 'end' then
  -- Made anew: an entry that is trimmed stays, in bytes, with those it was stored beside.
  local entry = redis.call('XREVRANGE', EVENTS, '+', '-', 'COUNT', 1)[1]
  redis.call('DEL', EVENTS)
  redis.call('XADD', EVENTS, entry[1], unpack(entry[2]))
end
local left = redis.call('PTTL', EVENTS)
if left < 0 or left > ENDED_LOG_TTL then redis.call('PEXPIRE', EVENTS, ENDED_LOG_TTL) end
return 1
