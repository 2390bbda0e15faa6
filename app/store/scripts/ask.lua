-- prelude: room
-- Store a question once and put it on the presenter's pending list, present or away.
-- ARGV: field of ASKED that makes it idempotent ('' for none), content, name → question id
local MAX_QUESTIONS = 10000 -- of one room: 20 MB at the most
local gone = missing()
if gone then return gone end
if ARGV[1] ~= '' then
  local before = redis.call('HGET', ASKED, ARGV[1])
  if before then return before end
end
if redis.call('XLEN', QUESTIONS) >= MAX_QUESTIONS then
  return redis.error_reply('rate_limited this lecture takes no more questions')
end
local id = redis.call('XADD', QUESTIONS, '*', 'content', ARGV[2], 'name', ARGV[3])
if ARGV[1] ~= '' then redis.call('HSET', ASKED, ARGV[1], id) end
take_new(get('presenterEmail'))
append('asked', cjson.encode({ questionId = id, content = ARGV[2], name = ARGV[3] }), 'presenter')
touch()
return id
