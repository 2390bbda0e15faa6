-- prelude: room
-- A relay has nobody of the room any more. ARGV: node → 1 if it was there
return redis.call('HDEL', RELAYS, ARGV[1], '!' .. ARGV[1])
