-- The secrets that a TURN server takes now. KEYS: its set
return redis.call('SMEMBERS', KEYS[1])
