-- Forget that somebody was in a room; other rooms of theirs stay. KEYS: user. ARGV: room
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
