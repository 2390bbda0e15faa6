-- prelude: room
-- Give the presenter's slot to a connection. The first claim makes the room.
-- It is a compare-and-set: the caller saw `epoch` and `relay`, and opened media by them.
-- ARGV: lectureId, email, holder, lease ms, seen epoch ('0': no room), seen relay, used relay,
--   '1' to record the lecture from its start
-- → {'conflict'} or {'first' | 'returned', epoch, startTime, board, objects, questions, due ms}
local lecture, email, holder = ARGV[1], ARGV[2], ARGV[3]
local lease = NOW + tonumber(ARGV[4])
local seen_epoch, seen_relay, relay = ARGV[5], ARGV[6], ARGV[7]

if redis.call('HEXISTS', ROOM, 'status') == 0 then
  local last = last_event()
  if last and last.type == 'ended' and last.lectureId == lecture then
    return redis.error_reply('ended the lecture is over')
  end
  if seen_epoch ~= '0' then return { 'conflict' } end
  -- A code may be given again soon after: its numbers go on, its old log does not.
  local seq = last and string.match(last.id, '^%d+') or '0'
  redis.call('HSET', ROOM, 'v', ms(LAYOUT)) -- first, so that a full Redis refuses it all
  forget_all()
  redis.call('HSET', ROOM, 'v', ms(LAYOUT), 'boardKind', 'whole', 'elements', '0',
    'boardHash', NO_ELEMENTS, 'drawers', 'presenter', 'page', '0', 'logBytes', '0',
    'logFirst', ms(tonumber(seq) + 1), 'firstSeq', ms(tonumber(seq) + 1),
    'lectureId', lecture, 'presenterEmail', email,
    'startTime', iso(DATE), 'status', 'LIVE', 'epoch', '1', 'holder', holder, 'lease', ms(lease),
    'seq', seq, 'rev', '0', 'relay', relay, 'listeners', '0')
  if ARGV[8] == '1' then
    local said = '{"state":"on","since":"' .. iso(DATE) .. '","reason":null}'
    redis.call('HSET', ROOM, 'recording', said)
    append('recording', said, 'room')
  end
  make_group(email)
  touch()
  return { 'first', 1, get('startTime'), '', '', {}, ms(lease) }
end

if get('lectureId') ~= lecture or get('presenterEmail') ~= email then
  return redis.error_reply('forbidden the room belongs to another lecture')
end
if get('epoch') ~= seen_epoch or (get('relay') or '') ~= seen_relay then return { 'conflict' } end

local epoch = redis.call('HINCRBY', ROOM, 'epoch', 1)
local was_away, before = get('status') == 'AWAY', get('holder')
redis.call('HSET', ROOM, 'status', 'LIVE', 'holder', holder, 'lease', ms(lease), 'relay', relay)
redis.call('HDEL', ROOM, 'deadline')
if was_away then
  append('presenter_back', '{}', 'room')
elseif before ~= holder then
  append('displaced', '{"epoch":' .. ms(epoch) .. ',"by":' .. cjson.encode(holder) .. '}', 'presenter')
end
if seen_relay ~= '' and seen_relay ~= relay then
  if redis.call('HEXISTS', RELAYS, seen_relay) == 1 then
    redis.call('HSET', RELAYS, '!' .. seen_relay, ms(NOW)) -- told once (relay_lost.lua)
  end
  append('media_moved', '{}', 'room')
end
local questions = pending()
touch()
return { 'returned', epoch, get('startTime'), get('currentWhiteboardData') or '',
  get('whiteboardObjects') or '', questions, ms(lease) }
