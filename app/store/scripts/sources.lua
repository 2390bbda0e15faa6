-- prelude: room
-- Note what the presenter shows. ARGV: epoch, JSON of all three sources → 1, or 0 for no change
local no = refused(ARGV[1])
if no then return no end
-- What a WHIP session shows is said when it begins; the web client beside it shows nothing.
if redis.call('HEXISTS', ROOM, 'whip') == 1 then return 0 end
if get('sources') == ARGV[2] then return 0 end
redis.call('HSET', ROOM, 'sources', ARGV[2])
append('sources', ARGV[2], 'room')
touch()
return 1
