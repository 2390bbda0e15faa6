-- prelude: clock
-- A connection shows a guest's id. It becomes that guest if the guest's own connection is gone,
-- not longer ago than the grace period: for one connection only, whoever asks first.
-- KEYS: user. ARGV: holder, grace ms, a holder known to be dead or '' → 'yes', or the live holder,
-- or '' for nobody that may come back
local holder = redis.call('HGET', KEYS[1], 'holder')
if not holder then return '' end
if holder ~= ARGV[1] and holder ~= ARGV[3] then
  local lost = redis.call('HGET', KEYS[1], 'lostAt')
  if not lost then return holder end
  if NOW - tonumber(lost) > tonumber(ARGV[2]) then return '' end
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1])
redis.call('HDEL', KEYS[1], 'lostAt')
return 'yes'
