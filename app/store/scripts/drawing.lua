-- prelude: room
-- Say who may draw beside the presenter. ARGV: epoch, presenter | list | everyone, those listed
-- (a line each), JSON of both → 1, or 0 for no change
local no = refused(ARGV[1])
if no then return no end
if get('drawers') == ARGV[2] and (get('drawersList') or '') == ARGV[3] then return 0 end
redis.call('HSET', ROOM, 'drawers', ARGV[2], 'drawersList', ARGV[3])
append('drawing', ARGV[4], 'room')
touch()
return 1
