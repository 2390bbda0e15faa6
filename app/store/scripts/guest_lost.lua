-- prelude: clock
-- A guest's connection is gone: from now on its id is good on one new connection. Fenced by
-- holder, so a late loss of an older connection changes nothing. KEYS: user. ARGV: holder
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'lostAt', string.format('%.0f', NOW))
return 1
