-- prelude: room
-- A WHIP session carries the presenter's media from now on.
-- ARGV: peer, relay, lease ms, JSON of the three sources
-- → {'ok', the session that it replaces or ''}, or {'conflict'} when the room moved meanwhile
local gone = missing()
if gone then return gone end
if get('relay') ~= ARGV[2] then return { 'conflict' } end
local before = get('whip') or ''
redis.call('HSET', ROOM, 'whip', ARGV[1], 'whipLease', ms(NOW + tonumber(ARGV[3])))
if before == '' then append('whip', '{"live":true}', 'room') end
if get('sources') ~= ARGV[4] then
  redis.call('HSET', ROOM, 'sources', ARGV[4])
  append('sources', ARGV[4], 'room')
end
touch()
return { 'ok', before }
