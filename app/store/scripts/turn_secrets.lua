-- Changes a TURN server's secrets, and makes the set that coturn reads follow.
-- KEYS: hash of slots, set of accepted secrets. ARGV: TTL ms, then slot, as it was, as it becomes, …
-- Replies with the hash as it is now. A slot that is not as it was stays as it is.
redis.call('PEXPIRE', KEYS[1], ARGV[1]) -- first, so that a full Redis lets the rest through
for i = 2, #ARGV, 3 do
  local now = redis.call('HGET', KEYS[1], ARGV[i]) or ''
  if now == ARGV[i + 1] then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) end
end
local slots = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[2])
for i = 2, #slots, 2 do
  local slot = cjson.decode(slots[i])
  redis.call('SADD', KEYS[2], slot.current)
  if slot.previous ~= '' then redis.call('SADD', KEYS[2], slot.previous) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return slots
