-- Append events that are in no room's log. KEYS: the feed. ARGV: entries kept, TTL ms, then source,
-- type, event (JSON), …
for i = 3, #ARGV, 3 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'source', ARGV[i], 'type', ARGV[i + 1],
    'event', ARGV[i + 2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
