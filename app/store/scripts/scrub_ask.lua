-- Note that files are to be written anew. KEYS: the note. ARGV: seconds for which it stands → count
local count = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
return count
