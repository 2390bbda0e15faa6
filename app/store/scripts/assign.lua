-- Change assignments, each only if it is still what the caller saw: compare and set.
-- KEYS: assignments of a purpose, what its strategy remembers
-- ARGV: ms that the keys live, strategy's memory seen, new ('' to leave it), then triples: task,
-- record seen ('' for none), new record ('' to drop it)
-- → 1 or 0 for each task; all 0 where the strategy's memory is another by now. It is remembered only
-- with what was picked by it
local count = (#ARGV - 3) / 3
local done, changed = {}, 0
redis.call('PEXPIRE', KEYS[1], ARGV[1]) -- first, so that a full Redis lets the rest through
local remembers = ARGV[3] ~= ''
if remembers and (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then
  for i = 1, count do done[i] = 0 end
  return done
end
for i = 1, count do
  local task, seen, new = ARGV[3 * i + 1], ARGV[3 * i + 2], ARGV[3 * i + 3]
  if (redis.call('HGET', KEYS[1], task) or '') ~= seen then
    done[i] = 0
  else
    done[i] = 1
    changed = changed + 1
    if new == '' then
      redis.call('HDEL', KEYS[1], task)
    else
      redis.call('HSET', KEYS[1], task, new)
    end
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
if remembers and changed > 0 then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[1]) end
return done
