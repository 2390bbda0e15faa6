-- Forget that somebody was in a room; other rooms of theirs stay. KEYS: user. ARGV: room, ms for
-- which the record stays if it names no other room ('0': none)
if tonumber(ARGV[2]) > 0 and redis.call('HGET', KEYS[1], 'roomId') == ARGV[1]
  and redis.call('HLEN', KEYS[1]) <= 3 then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
redis.call('HDEL', KEYS[1], 'room:' .. ARGV[1])
if redis.call('HGET', KEYS[1], 'roomId') ~= ARGV[1] then return 1 end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 5) == 'room:' then
    redis.call('HSET', KEYS[1], 'roomId', string.sub(field, 6), 'type',
      redis.call('HGET', KEYS[1], field))
    return 1
  end
end
redis.call('DEL', KEYS[1])
return 1
