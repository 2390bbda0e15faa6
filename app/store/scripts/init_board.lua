-- prelude: room
-- The first board; a room that has one keeps it (X8).
-- ARGV: epoch, view JSON, objects → 1, or 0 when there is one
local no = refused(ARGV[1])
if no then return no end
if redis.call('HEXISTS', ROOM, 'currentWhiteboardData') == 1 or get('boardKind') == 'elements' then
  touch()
  return 0
end
redis.call('HSET', ROOM, 'currentWhiteboardData', ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', ROOM, 'whiteboardObjects', ARGV[3]) end
redis.call('HINCRBY', ROOM, 'rev', 1)
append('board', ARGV[2], 'room', ARGV[3])
touch()
return 1
