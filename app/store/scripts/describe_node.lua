-- What a process tells about itself. KEYS: its hash. ARGV: TTL ms, field, value, …
redis.call('PEXPIRE', KEYS[1], ARGV[1]) -- first, so that a full Redis lets the rest through
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
