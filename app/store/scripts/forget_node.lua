-- What a process told about itself is no longer so, from this moment. KEYS: its hash
return redis.call('DEL', KEYS[1])
