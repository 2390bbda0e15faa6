-- prelude: room questions
-- Answer a question in text: the class sees it with its answer, and it is solved. A later answer
-- replaces it. ARGV: the caller, question id, content, field of ASKED that makes it idempotent or
-- '' → 1, or 0 for a repeat
local role, no = role_of_caller()
if not role then return no end
local id, content, once = ARGV[6], ARGV[7], ARGV[8]
local entry = entry_of(id)
if not entry then return not_found() end
if once ~= '' and redis.call('HEXISTS', ASKED, once) == 1 then return 0 end
local fact = fact_of(id)
local before = fact.answer
if before and before.content == content and before.name == ARGV[3] then return 0 end
if fact.shown == 'hidden' then
  return redis.error_reply('conflict the question is hidden: show it to the class first')
end
if once ~= '' then redis.call('HSET', ASKED, once, '1') end
if fact.shown == 'waiting' then show(entry, fact) end
fact.answer = { content = content, name = ARGV[3], at = iso(DATE) }
keep(id, fact)
append('answered', cjson.encode({ questionId = id, content = content, name = ARGV[3],
  at = fact.answer.at }), 'room', nil, member_of(ARGV[2]))
solve(id)
touch()
return 1
