-- prelude: room
-- Bring a room to this version's layout: the prelude has just done it. → its layout, or 0: no room
return tonumber(redis.call('HEXISTS', ROOM, 'status') == 1 and get('v') or '0')
