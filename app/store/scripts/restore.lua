-- prelude: room
-- Write a deleted room back from a copy; for one caller only, and never one that has ended.
-- ARGV: holder, epoch, lease ms, then a DUMP or '' for each key → due ms, or 0 and nothing changed
local SEQ_STEP = 1000 -- beyond whatever was told after the copy was made
if redis.call('HEXISTS', ROOM, 'status') == 1 then return 0 end
local last = last_event()
if last and last.type == 'ended' then return 0 end
for i = 1, #KEYS do
  if ARGV[3 + i] ~= '' then
    redis.call('RESTORE', KEYS[i], TTL, ARGV[3 + i], 'REPLACE')
  end
end
local newest = tonumber(get('seq') or '0')
if last then newest = math.max(newest, tonumber(string.match(last.id, '^%d+'))) end
local lease = NOW + tonumber(ARGV[3])
redis.call('DEL', EVENTS, BLOBS)
redis.call('HSET', ROOM, 'status', 'LIVE', 'holder', ARGV[1], 'epoch', ARGV[2], 'lease', ms(lease),
  'seq', ms(newest + SEQ_STEP), 'logFirst', ms(newest + SEQ_STEP + 1), 'logBytes', '0',
  'blobBytes', '0',
  'listeners', '0')
redis.call('HDEL', ROOM, 'deadline')
append('restored', '{}', 'presenter')
local view = get('currentWhiteboardData')
if view and (get('boardKind') or 'whole') == 'whole' then
  append('board', view, 'room', get('whiteboardObjects') or '')
end
touch()
return ms(lease)
