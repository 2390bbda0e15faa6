-- prelude: room
-- Put a room on a relay, if it is still where the caller saw it. ARGV: seen, chosen → the relay
local gone = missing()
if gone then return gone end
local relay = get('relay') or ''
if relay ~= ARGV[1] then return relay end
redis.call('HSET', ROOM, 'relay', ARGV[2])
-- Whoever is still on the old relay, which is dead or drains, must offer again; and is told once
-- (relay_lost.lua).
if relay ~= '' then
  if redis.call('HEXISTS', RELAYS, relay) == 1 then redis.call('HSET', RELAYS, '!' .. relay, ms(NOW)) end
  append('media_moved', '{}', 'room')
end
touch()
return ARGV[2]
