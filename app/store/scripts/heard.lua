-- prelude: clock
-- When a process was last heard of. KEYS: nodes of its kind. ARGV: node, ms that count as lately
-- → ms, or '' when it is gone
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not at or NOW - tonumber(at) > tonumber(ARGV[2]) then return '' end
return at
