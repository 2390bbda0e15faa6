-- prelude: room
-- The element board at one instant → {rev, hash, page, values of ELEMENTS}
local gone = missing()
if gone then return gone end
return { tonumber(get('rev') or '0'), get('boardHash') or NO_ELEMENTS,
  tonumber(get('page') or '0'), redis.call('HVALS', ELEMENTS) }
