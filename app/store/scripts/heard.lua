-- When a process was last heard of. KEYS: nodes of its kind. ARGV: node, ms that count as lately
-- → ms, or '' when it is gone
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if not at or now - tonumber(at) > tonumber(ARGV[2]) then return '' end
return at
