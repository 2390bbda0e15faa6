-- prelude: room questions
-- Make somebody an assistant, or an assistant somebody of the class again.
-- ARGV: the caller, e-mail or member id, '1' or '0', name → JSON list of all assistants
local MAX_ASSISTANTS = 50
local role, no = role_of_caller()
if not role then return no end
local member = string.find(ARGV[6], '@', 1, true) and member_of(ARGV[6]) or ARGV[6]
local list, wanted = assistants(), ARGV[7] == '1'
local count = 0
for _ in pairs(list) do count = count + 1 end
if (list[member] ~= nil) == wanted then return assistants_json(list) end
if wanted and count >= MAX_ASSISTANTS then
  return redis.error_reply('conflict a lecture has at most ' .. MAX_ASSISTANTS .. ' assistants')
end
touch()
list[member] = wanted and ARGV[8] or nil
redis.call('HSET', ROOM, 'assistants', next(list) and cjson.encode(list) or '{}')
if not wanted then
  -- What it had claimed is the presenter's again at once.
  for _, id in ipairs(redis.call('ZRANGE', CLAIMS, 0, -1)) do
    local fact = fact_of(id)
    if fact.claim and fact.claim.memberId == member then
      fact.claim.ms = 0
      keep(id, fact)
      redis.call('ZADD', CLAIMS, 0, id)
    end
  end
  end_claims()
end
append('assistants', '{"assistants":' .. assistants_json(list) .. '}', 'room')
touch()
return assistants_json(list)
