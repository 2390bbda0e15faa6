-- A group that reads from now on, if there is none of that name. KEYS: the feed. ARGV: group, TTL ms
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '$', 'MKSTREAM')
if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP') then return made end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
