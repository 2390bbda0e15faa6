-- prelude: room questions
-- Store a question once and put it on the presenter's pending list, present or away. The class
-- sees it too, unless the presenter wants to see every question first.
-- ARGV: identity, name, field of ASKED that makes it idempotent ('' for none), content,
-- '1' anonymous, questions per second, burst → question id
local MAX_QUESTIONS = 10000 -- of one room: 20 MB at the most
local MAX_OWN = 30 -- that somebody who comes back sees among its own
local who, name, once, content = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local gone = missing()
if gone then return gone end
if once ~= '' then
  local before = redis.call('HGET', ASKED, once)
  if before then return before end
end
if not may('ask', who, tonumber(ARGV[6]), tonumber(ARGV[7])) then
  return redis.error_reply('rate_limited too many questions: wait a moment')
end
if redis.call('XLEN', QUESTIONS) >= MAX_QUESTIONS then
  -- The oldest make room if they are answered. What is unanswered is never dropped.
  for _, entry in ipairs(redis.call('XRANGE', QUESTIONS, '-', '+', 'COUNT', 100)) do
    if is_solved(entry[1]) then
      redis.call('XDEL', QUESTIONS, entry[1])
      redis.call('HDEL', FACTS, entry[1])
      redis.call('ZREM', VOTES, entry[1])
      redis.call('HDEL', ASKED, 'solved:' .. entry[1])
    end
  end
  if redis.call('XLEN', QUESTIONS) >= MAX_QUESTIONS then
    return redis.error_reply('rate_limited this lecture takes no more questions')
  end
end
local id = redis.call('XADD', QUESTIONS, '*', 'content', content, 'name', name)
if once ~= '' then redis.call('HSET', ASKED, once, id) end
local fact = { who = who, anonymous = ARGV[5] == '1', shown = 'waiting' }
keep(id, fact)
redis.call('ZADD', VOTES, 0, id)
local mine = {}
for own in string.gmatch(redis.call('HGET', ASKED, 'mine:' .. who) or '', '%S+') do
  mine[#mine + 1] = own
end
mine[#mine + 1] = id
redis.call('HSET', ASKED, 'mine:' .. who,
  table.concat(mine, ' ', math.max(1, #mine - MAX_OWN + 1)))
take_new(get('presenterEmail'))
local entry = { id, { 'content', content, 'name', name } }
if get('moderation') ~= '1' then fact.shown = 'visible' end
append('asked', cjson.encode(shown_to_staff(entry, fact)), 'staff')
if fact.shown == 'visible' then show(entry, fact) end
touch()
return id
