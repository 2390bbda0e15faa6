-- prelude: room
-- Somebody's look at a room whose time may have come; any number of processes may look at once.
-- ARGV: grace ms
-- → {'wait' | 'away', due ms} · {'ended', lectureId, relay, email} to exactly one caller
--   · {'again', lectureId, relay, email}: it ended, and whoever ended it may have died before
--     SQL knew · {'gone'}
local UNFINISHED_AFTER = 10000 -- ms that the one who ended a room has to tell SQL
if redis.call('HEXISTS', ROOM, 'status') == 0 then
  local last = last_event()
  if not last or last.type ~= 'ended' then return { 'gone' } end
  local wait = tonumber(last.at) + UNFINISHED_AFTER - DATE -- more than that: the date was set back
  if wait > 0 and wait <= UNFINISHED_AFTER then return { 'wait', ms(NOW + wait) } end
  return { 'again', last.lectureId, last.relay, last.presenterEmail }
end
if get('status') == 'LIVE' then
  local lease = tonumber(get('lease') or '0')
  if lease > NOW then return { 'wait', ms(lease) } end
  touch()
  -- A live WHIP session takes the slot over (docs/decisions/0050): nobody is away.
  local whip_lease = tonumber(get('whipLease') or '0')
  if whip_lease > NOW then
    redis.call('HINCRBY', ROOM, 'epoch', 1)
    redis.call('HSET', ROOM, 'holder', 'whip/' .. get('whip'), 'lease', ms(whip_lease))
    return { 'wait', ms(whip_lease) }
  end
  local deadline = NOW + tonumber(ARGV[1])
  -- The holder's name stays: if it was only paused, its next renewal takes the slot up again.
  redis.call('HSET', ROOM, 'status', 'AWAY', 'deadline', ms(deadline))
  append('presenter_away', '{"deadline":"' .. iso(DATE + tonumber(ARGV[1])) .. '"}', 'room')
  return { 'away', ms(deadline) }
end
local deadline = tonumber(get('deadline') or '0')
if deadline > NOW then return { 'wait', ms(deadline) } end
return finish('grace')
