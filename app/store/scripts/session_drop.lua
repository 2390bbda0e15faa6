-- Forget media sessions. KEYS: a room's sessions. ARGV: peers → how many were there
return redis.call('HDEL', KEYS[1], unpack(ARGV))
