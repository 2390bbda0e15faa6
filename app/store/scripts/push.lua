-- Put a command on a process' list. KEYS: its list. ARGV: command, TTL ms, most commands waiting
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return redis.error_reply('unavailable the process does not keep up')
end
redis.call('PEXPIRE', KEYS[1], ARGV[2]) -- first, so that a full Redis lets the rest through
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
