-- Drop events of the feed that name somebody. KEYS: the feed.
-- ARGV: id after which to look, how many, then texts that must not be left
-- → {how many were dropped, the last id looked at or ''}
local entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
local dropped = 0
for _, entry in ipairs(entries) do
  local whole = table.concat(entry[2], '\n')
  for i = 3, #ARGV do
    if string.find(whole, ARGV[i], 1, true) then
      redis.call('XDEL', KEYS[1], entry[1])
      dropped = dropped + 1
      break
    end
  end
end
return { dropped, #entries > 0 and entries[#entries][1] or '' }
