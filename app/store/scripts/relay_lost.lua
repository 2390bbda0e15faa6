-- prelude: room
-- A relay of the room is dead or drains, and is not the room's first: who is on it must offer again.
-- ARGV: node, 'dead' or 'drains' → 1 for one caller only
if missing() or redis.call('HEXISTS', RELAYS, ARGV[1]) == 0 then return 0 end
if ARGV[2] == 'drains' then
  -- It stands in the tree until it is empty. The mark says that the room knows.
  if redis.call('HSETNX', RELAYS, '!' .. ARGV[1], ms(NOW)) == 0 then return 0 end
elseif redis.call('HDEL', RELAYS, ARGV[1], '!' .. ARGV[1]) == 2 then
  return 0 -- it was told before: the room left it when it drained, or was its first
end
append('media_moved', '{"relay":' .. cjson.encode(ARGV[1]) .. '}', 'room')
touch()
return 1
