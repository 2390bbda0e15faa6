-- prelude: room questions
-- Put a question on an assistant's own list for a while. Unanswered when that is over, it is
-- anybody's again. Claiming one's own again lasts anew.
-- ARGV: the caller, question id ('' for the first that is free), ms → {id, ISO time of its end}
local role, no = role_of_caller()
if not role then return no end
local id, lasts = ARGV[6], tonumber(ARGV[7])
local _ = tend()
local member = member_of(ARGV[2])
local function holder(of)
  if not redis.call('ZSCORE', CLAIMS, of) then return nil end
  local claim = fact_of(of).claim
  return claim and claim.memberId or nil
end
if id == '' then
  for _, entry in ipairs(pending()) do
    if not holder(entry[1]) and fact_of(entry[1]).shown ~= 'hidden' then
      id = entry[1]
      break
    end
  end
  if id == '' then return redis.error_reply('not_found no question is free') end
end
if not entry_of(id) then return not_found() end
if is_solved(id) then return redis.error_reply('conflict it is answered already') end
local held = holder(id)
if held and held ~= member then
  return redis.error_reply('conflict somebody else has claimed it')
end
touch()
take_new(get('presenterEmail'))
local consumer = role == 'presenter' and get('presenterEmail') or ('assistant:' .. member)
redis.call('XCLAIM', QUESTIONS, GROUP, consumer, 0, id)
local fact = fact_of(id)
local ends = iso(DATE + lasts)
fact.claim = { memberId = member, name = ARGV[3], ['until'] = ends, ms = lasts }
keep(id, fact)
redis.call('ZADD', CLAIMS, ms(NOW + lasts), id)
append('claimed', cjson.encode({ questionId = id, by = { memberId = member, name = ARGV[3] },
  ['until'] = ends }), 'staff')
touch()
return { id, ends }
