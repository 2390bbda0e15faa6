-- Drop events of the feed that name somebody. The stream is made anew, with its groups: an entry
-- that is deleted stays, in bytes, with those it was stored beside. It holds Redis up for about a
-- second where the feed is full (100,000 events), and not at all where nobody is named.
-- KEYS: the feed. ARGV: texts that must not be left → how many were dropped
local PENDING = 100000
local key = KEYS[1]
local kept, dropped = {}, 0
for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do
  local whole, names = table.concat(entry[2], '\n'), false
  for i = 1, #ARGV do
    if string.find(whole, ARGV[i], 1, true) then names = true end
  end
  if names then dropped = dropped + 1 else kept[#kept + 1] = entry end
end
if dropped == 0 then return 0 end

local groups = {}
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', key)) do
  local group = {}
  for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
  group.entries = redis.call('XPENDING', key, group.name, '-', '+', PENDING)
  groups[#groups + 1] = group
end
local left = redis.call('PTTL', key)
redis.call('DEL', key)
for _, entry in ipairs(kept) do redis.call('XADD', key, entry[1], unpack(entry[2])) end
for _, group in ipairs(groups) do
  redis.call('XGROUP', 'CREATE', key, group.name, group['last-delivered-id'], 'MKSTREAM')
  for _, one in ipairs(group.entries) do
    redis.call('XCLAIM', key, group.name, one[2], 0, one[1], 'IDLE', one[3], 'RETRYCOUNT', one[4],
      'FORCE', 'JUSTID')
  end
end
if left > 0 then redis.call('PEXPIRE', key, left) end
return dropped
