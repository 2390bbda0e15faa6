-- What a group has not acknowledged yet, oldest first, and then what is new. KEYS: the feed.
-- ARGV: group, consumer, how many, where a new group begins, '1': also what was given out before
-- → [[id, [field, value, …]], …]; an entry without fields was trimmed before it was read
local group, consumer, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
local function make() redis.call('XGROUP', 'CREATE', KEYS[1], group, ARGV[4], 'MKSTREAM') end
local function read(from)
  return redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', KEYS[1], from)
end
local taken = {}
if ARGV[5] == '1' then
  -- Only one process works for a group: what an earlier one left is this one's now.
  local claimed = redis.pcall('XAUTOCLAIM', KEYS[1], group, consumer, 0, '0-0', 'COUNT', 10000, 'JUSTID')
  if claimed.err then make() end
  local old = read('0')
  for _, entry in ipairs(old and not old.err and old[1][2] or {}) do taken[#taken + 1] = entry end
  if #taken > 0 then return taken end
end
local new = read('>')
if new and new.err then
  make()
  new = read('>')
end
return new and new[1][2] or taken
