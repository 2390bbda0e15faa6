-- Take a lease, or keep one's own. KEYS: the lease. ARGV: who, TTL ms → 1: theirs
-- One that has more left than a whole lease has is of before the date was set back: it gets a whole one.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
