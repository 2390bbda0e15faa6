-- prelude: room
-- Replace the board; empty objects keep those that stand (X2), elements too.
-- ARGV: epoch, view JSON {viewport,eventTime,width,height}, objects → rev
local no = refused(ARGV[1])
if no then return no end
redis.call('HSET', ROOM, 'currentWhiteboardData', ARGV[2])
if ARGV[3] ~= '' then
  redis.call('HSET', ROOM, 'whiteboardObjects', ARGV[3])
  if get('boardKind') == 'elements' then drop_elements() end
end
local rev = redis.call('HINCRBY', ROOM, 'rev', 1)
append('board', ARGV[2], 'room', ARGV[3])
touch()
return rev
