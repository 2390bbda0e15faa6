-- Entries after an id, oldest first. KEYS: the feed. ARGV: id ('0' for the oldest), how many
return redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
