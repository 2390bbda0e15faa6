-- prelude: room
-- Show a page of the board. ARGV: epoch, page → 1, or 0 when it is shown already
local no = refused(ARGV[1])
if no then return no end
if (get('page') or '0') == ARGV[2] then return 0 end
redis.call('HSET', ROOM, 'page', ARGV[2])
redis.call('HINCRBY', ROOM, 'rev', 1) -- the board as a whole is another now
append('page', '{"page":' .. ARGV[2] .. '}', 'room')
touch()
return 1
