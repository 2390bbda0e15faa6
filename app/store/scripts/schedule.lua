-- Note when somebody must look at a room. KEYS: rooms:due. ARGV: room, due ms ('' to forget), TTL ms
-- The room's own hash is the truth: its holder notes it again with each renewal.
-- The lifetime comes first: that lets the rest through when Redis is full, and a new key gets its
-- own at the end.
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if ARGV[2] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
