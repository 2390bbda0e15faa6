-- Note which connection a guest is on; its id is good there alone. KEYS: user. ARGV: holder
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'holder', ARGV[1])
redis.call('HDEL', KEYS[1], 'lostAt')
return 1
