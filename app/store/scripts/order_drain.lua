-- An operator asks a process to drain and end; it hears with its next heartbeat.
-- KEYS: its order. ARGV: seconds it is given, ms that the order stands
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
