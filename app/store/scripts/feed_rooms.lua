-- The lectures that the feed follows. KEYS: cursors. ARGV: ms for which an ended one is remembered
-- → [lecture, code, …] of those that have not ended
local clock = redis.call('TIME')
local old = clock[1] * 1000 - tonumber(ARGV[1])
local flat = redis.call('HGETALL', KEYS[1])
local open = {}
for i = 1, #flat, 2 do
  local at = string.match(flat[i + 1], ':ended:(%d+)$')
  if not at then
    open[#open + 1] = flat[i]
    open[#open + 1] = string.match(flat[i + 1], '^(%d+):')
  elseif tonumber(at) < old then
    redis.call('HDEL', KEYS[1], flat[i])
  end
end
return open
