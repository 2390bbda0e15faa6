-- Move a piece of a room's log into the feed, once. KEYS: the feed, its cursors. ARGV: entries kept,
-- TTL ms, lecture, code, cursor of a lecture that is new here, last seq before the piece, last seq of
-- it, '1' when the lecture ends with it, then seq, source, type, event (JSON), …
-- → the cursor after it: the caller goes on there; -1 when the lecture's end is in the feed already
local lecture, code = ARGV[3], ARGV[4]
local known = redis.call('HGET', KEYS[2], lecture)
local cursor = tonumber(ARGV[5])
if known then
  local place = string.match(known, ':(%d+)$')
  if string.find(known, ':ended:', 1, true) then return -1 end
  cursor = tonumber(place)
end
local base, last = tonumber(ARGV[6]), tonumber(ARGV[7])
-- A piece that begins after the cursor would leave a gap; one that ends before it is here already.
if (known and base > cursor) or last < cursor then return cursor end
for i = 9, #ARGV, 4 do
  if not known or tonumber(ARGV[i]) > cursor then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'source', ARGV[i + 1], 'type', ARGV[i + 2],
      'event', ARGV[i + 3])
  end
end
local clock = redis.call('TIME')
local place = ARGV[8] == '1' and 'ended:' .. clock[1] .. '000' or string.format('%.0f', last)
redis.call('HSET', KEYS[2], lecture, code .. ':' .. place)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return last
