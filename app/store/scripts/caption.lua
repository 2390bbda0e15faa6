-- prelude: room questions
-- Show a line of captions to everyone. ARGV: the caller, text, ms for which its words were spoken
-- before it came, field of ASKED that makes it idempotent or '', lines per second, burst
-- → caption id
local role, no = role_of_caller()
if not role then return no end
local once = ARGV[8]
if once ~= '' then
  local before = redis.call('HGET', ASKED, once)
  if before then return before end
end
if not may('caption', ARGV[2], tonumber(ARGV[9]), tonumber(ARGV[10])) then
  return redis.error_reply('rate_limited too many captions: wait a moment')
end
local id = ms(redis.call('HINCRBY', ROOM, 'captions', 1))
if once ~= '' then redis.call('HSET', ASKED, once, id) end
append('caption', cjson.encode({ captionId = id, text = ARGV[6], ago = tonumber(ARGV[7]) }),
  'room', nil, member_of(ARGV[2]))
touch()
return id
