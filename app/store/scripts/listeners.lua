-- prelude: room
-- Note how many listeners one process serves; sum over the processes that still say so.
-- ARGV: node, count, ms that the count is good for → total
if missing() then return 0 end
if tonumber(ARGV[2]) > 0 then
  redis.call('HSET', LISTENERS, ARGV[1], ARGV[2] .. ':' .. ms(NOW + tonumber(ARGV[3])))
else
  redis.call('HDEL', LISTENERS, ARGV[1])
end
local total = 0
local all = redis.call('HGETALL', LISTENERS)
for i = 1, #all, 2 do
  local count, good_until = string.match(all[i + 1], '^(%d+):(%d+)$')
  if count and tonumber(good_until) > NOW then
    total = total + tonumber(count)
  else
    redis.call('HDEL', LISTENERS, all[i])
  end
end
if tonumber(get('listeners') or '0') ~= total then
  redis.call('HSET', ROOM, 'listeners', total)
  append('listeners', '{"count":' .. total .. '}', 'room')
end
touch()
return total
