-- A process ends; its own hash expires by itself. KEYS: nodes of its kind. ARGV: node
return redis.call('ZREM', KEYS[1], ARGV[1])
