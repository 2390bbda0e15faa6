-- prelude: room questions
-- Vote for a question, or take the vote back. One person has one vote, however often it is cast.
-- ARGV: the caller, question id, '1' for a vote or '0' for none, votes per second, burst
-- → {votes, ms until somebody must tend the room (0: never)}
local MAX_VOTERS = 500000 -- of all questions of a room: 40 MB
local role, no = role_of_caller()
if not role then return no end
local who, id, wanted = ARGV[2], ARGV[6], ARGV[7] == '1'
local fact = fact_of(id)
if not entry_of(id) or not (fact.shown == 'visible' or is_staff(role) or fact.who == who) then
  return not_found()
end
local vote = id .. ' ' .. who
if (redis.call('SISMEMBER', VOTERS, vote) == 1) == wanted then
  return { votes_of(id), tend() }
end
if not may('vote', who, tonumber(ARGV[8]), tonumber(ARGV[9])) then
  return redis.error_reply('rate_limited too many votes: wait a moment')
end
if wanted and redis.call('SCARD', VOTERS) >= MAX_VOTERS then
  return redis.error_reply('rate_limited this lecture takes no more votes')
end
redis.call(wanted and 'SADD' or 'SREM', VOTERS, vote)
redis.call('ZINCRBY', VOTES, wanted and 1 or -1, id)
redis.call('SADD', NEW_VOTES, id)
local wait = tend()
touch()
return { votes_of(id), wait }
