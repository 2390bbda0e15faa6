-- A group is done with these. KEYS: the feed. ARGV: group, entry ids
return redis.call('XACK', KEYS[1], unpack(ARGV))
