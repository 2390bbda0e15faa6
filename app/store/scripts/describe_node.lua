-- What a process tells about itself. KEYS: its hash. ARGV: TTL ms, field, value, …
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
