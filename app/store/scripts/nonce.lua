-- Take a nonce, once. KEYS: the nonce. ARGV: ms for which it is remembered → 1, or 0 for a repeat
return redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) and 1 or 0
