-- Redis' date, and the correction that makes an even time of it (app/store/steady.py).
-- KEYS: the correction. ARGV: it as the caller knows it ('' not at all), as it is to be ('' as it
-- is), TTL ms → ms of the date, the correction that stands
redis.call('PEXPIRE', KEYS[1], ARGV[3]) -- first, so that a full Redis lets the rest through
local stands = redis.call('GET', KEYS[1])
local new = ARGV[2]
if not stands and new == '' then new = ARGV[1] ~= '' and ARGV[1] or '0' end
if new ~= '' and (not stands or stands == ARGV[1]) then
  redis.call('SET', KEYS[1], new, 'PX', ARGV[3])
  stands = new
end
local clock = redis.call('TIME')
return { string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)), stands }
