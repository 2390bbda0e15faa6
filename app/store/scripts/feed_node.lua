-- Tell what became of a process, if nobody told it yet. KEYS: the feed, what was told of processes.
-- ARGV: entries kept, TTL ms, node, what was told before ('' nothing), what is so now ('' gone),
-- source, type, event (JSON) → 1: told
local before = redis.call('HGET', KEYS[2], ARGV[3]) or ''
if before ~= ARGV[4] then return 0 end
if ARGV[5] == '' then redis.call('HDEL', KEYS[2], ARGV[3])
else redis.call('HSET', KEYS[2], ARGV[3], ARGV[5]) end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'source', ARGV[6], 'type', ARGV[7],
  'event', ARGV[8])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
