-- Count an attempt in several windows, or take one back. KEYS[1] and on: the windows. ARGV: 'spend', ms that
-- a window lasts from its first attempt on, the limit of each; or 'refund'
-- → 0, or ms until it may be tried again (then nothing was counted)
if ARGV[1] == 'refund' then
  for _, key in ipairs(KEYS) do
    local count = tonumber(redis.call('GET', key) or '0')
    if count > 1 then redis.call('DECR', key) elseif count == 1 then redis.call('DEL', key) end
  end
  return 0
end
local wait = 0
for i, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[2 + i]) then
    local left = redis.call('PTTL', key)
    if left > tonumber(ARGV[2]) then -- the date was set back: nobody waits for it to come again
      left = tonumber(ARGV[2])
      redis.call('PEXPIRE', key, ARGV[2])
    end
    wait = math.max(wait, left, 1)
  end
end
if wait > 0 then return wait end
for _, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[2]) end
end
return 0
