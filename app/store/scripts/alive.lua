-- prelude: clock
-- The processes heard of lately. KEYS: nodes of a kind. ARGV: ms that count as lately
return redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', NOW - ARGV[1]), '+inf')
