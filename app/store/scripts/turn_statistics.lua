-- What coturn says about an allocation. KEYS: its key or none. ARGV: what to do; value, TTL ms
if ARGV[1] == 'set' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
if ARGV[1] == 'del' then redis.call('DEL', KEYS[1]) end
if ARGV[1] == 'publish' then redis.call('PUBLISH', KEYS[1], ARGV[2]) end
return 1
