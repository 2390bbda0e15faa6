-- What the scripts about questions share, after the room's. Those that somebody calls for are told
-- who it is by ARGV 1–5: epoch ('' for everybody but a presenter), identity, name, kind
-- (presenter, student, guest) and the roles that may do it, apart by spaces (auth/policy.py).
local VOTES_EVERY = 500 -- ms between two events that tell the class how many vote
local VOTES_AT_ONCE = 100 -- questions in one such event

local function is_solved(id) return redis.call('HEXISTS', ASKED, 'solved:' .. id) == 1 end

local function not_found() return redis.error_reply('not_found there is no such question') end

-- The id under which others see somebody: the same all through a lecture, and in no other.
local members, lecture_of_members = {}, nil
local function member_of(identity)
  lecture_of_members = lecture_of_members or get('lectureId')
  local member = members[identity]
  if not member then
    member = string.sub(redis.sha1hex('member:' .. lecture_of_members .. ':' .. identity), 1, 16)
    members[identity] = member
  end
  return member
end

-- Member id → name, of the presenter's assistants.
local function assistants()
  local text = get('assistants')
  return text and cjson.decode(text) or {}
end

local function assistants_json(list)
  local parts = {}
  for member, name in pairs(list) do
    parts[#parts + 1] = cjson.encode({ memberId = member, name = name })
  end
  table.sort(parts)
  return '[' .. table.concat(parts, ',') .. ']'
end

-- The caller's role, or nil and why it may not.
local function role_of_caller()
  local gone = missing()
  if gone then return nil, gone end
  local role = ARGV[4]
  if role == 'presenter' then
    if ARGV[1] ~= '' and get('epoch') ~= ARGV[1] then return nil, refused(ARGV[1]) end
  elseif assistants()[member_of(ARGV[2])] then
    role = 'assistant'
  end
  if not string.find(' ' .. ARGV[5] .. ' ', ' ' .. role .. ' ', 1, true) then
    return nil, redis.error_reply('forbidden this is not yours to do')
  end
  return role, nil
end

local function is_staff(role) return role == 'presenter' or role == 'assistant' end

-- What is known of a question besides its text. One that was asked of an older version of this
-- server was meant for the presenter alone, and stays so until somebody shows it.
local function read_fact(text)
  return text and cjson.decode(text) or { who = '', anonymous = false, shown = 'waiting' }
end

local function fact_of(id) return read_fact(redis.call('HGET', FACTS, id)) end

-- What FACTS has of many. A small hash is a list: to read it whole is to read it once.
local function facts_of(ids)
  if redis.call('HLEN', FACTS) > 4 * #ids then return redis.call('HMGET', FACTS, unpack(ids)) end
  local all, known, found = redis.call('HGETALL', FACTS), {}, {}
  for i = 1, #all, 2 do known[all[i]] = all[i + 1] end
  for i, id in ipairs(ids) do found[i] = known[id] end
  return found
end

local function keep(id, fact) redis.call('HSET', FACTS, id, cjson.encode(fact)) end

local function votes_of(id) return tonumber(redis.call('ZSCORE', VOTES, id) or '0') end

local function field_of(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then return entry[2][i + 1] end
  end
  return ''
end

-- A question as the class sees it. Who shows many looks for what is known of them at once, and gives
-- here the votes and whether it is answered.
local function shown_to_class(entry, fact, votes, answered)
  if votes == nil then votes, answered = votes_of(entry[1]), is_solved(entry[1]) end
  return {
    questionId = entry[1], content = field_of(entry, 'content'), anonymous = fact.anonymous,
    name = fact.anonymous and '' or field_of(entry, 'name'), votes = votes, answered = answered,
    answer = fact.answer,
  }
end

-- The same as the presenter and the assistants see it; `claimed` as a look into CLAIMS says.
local function shown_to_staff(entry, fact, votes, answered, claimed)
  local seen = shown_to_class(entry, fact, votes, answered)
  seen.name = field_of(entry, 'name')
  seen.memberId = fact.who ~= '' and member_of(fact.who) or nil
  seen.shown = fact.shown
  if fact.claim then
    if votes == nil then claimed = redis.call('ZSCORE', CLAIMS, entry[1]) end
    if claimed then seen.claimed = fact.claim end
  end
  return seen
end

-- Take one of somebody's budget for something; false when there is none. ARGV-like: per second,
-- burst. It is kept here, so that it holds in whatever process they ask.
local function may(what, who, per_second, burst)
  local field = what .. ':' .. who
  local left, at = string.match(redis.call('HGET', BUDGETS, field) or '', '^([%d.]+):(%d+)$')
  local now_left = burst
  if left then
    -- A date that was set back makes nobody wait for it to come again.
    local passed = math.max(0, NOW - tonumber(at))
    now_left = math.min(burst, tonumber(left) + passed * per_second / 1000)
  end
  if now_left < 1 then return false end
  redis.call('HSET', BUDGETS, field, string.format('%.3f:%s', now_left - 1, ms(NOW)))
  return true
end

-- Tell the class the counts that changed, if it has not just been told.
-- → ms after which somebody must call this again; 0 when all is told
local function tell_votes()
  if redis.call('EXISTS', NEW_VOTES) == 0 then return 0 end
  local wait = tonumber(get('votesAt') or '0') + VOTES_EVERY - NOW
  if wait > 0 and wait <= VOTES_EVERY then return wait end -- more: the date was set back
  local parts = {}
  for _, id in ipairs(redis.call('SPOP', NEW_VOTES, VOTES_AT_ONCE)) do
    if fact_of(id).shown == 'visible' then
      parts[#parts + 1] = cjson.encode(id) .. ':' .. ms(votes_of(id))
    end
  end
  redis.call('HSET', ROOM, 'votesAt', ms(NOW))
  if #parts > 0 then append('votes', '{"votes":{' .. table.concat(parts, ',') .. '}}', 'room') end
  return redis.call('EXISTS', NEW_VOTES) == 1 and VOTES_EVERY or 0
end

-- Give what an assistant did not answer in time back to the presenter, where the next may claim it.
local function end_claims()
  take_new(get('presenterEmail')) -- makes the group again, if it is lost
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', CLAIMS, '-inf', ms(NOW), 'LIMIT', 0, 50)) do
    local fact = fact_of(id)
    local idle = fact.claim and fact.claim.ms or 0
    redis.call('XAUTOCLAIM', QUESTIONS, GROUP, get('presenterEmail'), ms(idle), id, 'COUNT', 1)
    redis.call('ZREM', CLAIMS, id)
    fact.claim = nil
    keep(id, fact)
    append('claimed', '{"questionId":' .. cjson.encode(id) .. ',"by":null,"until":null}', 'staff')
  end
end

-- What has to happen by the time: any script of questions does it, and the presenter's renewal.
local function tend()
  if redis.call('EXISTS', CLAIMS) == 1 then end_claims() end
  return tell_votes()
end

-- Take a question off the pending list and tell everyone. → 1, or 0 when it was off already
local function solve(id)
  local mark = 'solved:' .. id
  if redis.call('HEXISTS', ASKED, mark) == 1 then return 0 end
  touch()
  take_new(get('presenterEmail'))
  redis.call('XACK', QUESTIONS, GROUP, id)
  redis.call('ZREM', CLAIMS, id)
  -- Kept beside the group, because a group that is deleted forgets what was answered.
  redis.call('HSET', ASKED, mark, '1')
  append('solved', cjson.encode({ questionId = id }), 'room')
  return 1
end

-- Show a question to the class.
local function show(entry, fact)
  fact.shown = 'visible'
  keep(entry[1], fact)
  append('question', cjson.encode(shown_to_class(entry, fact)), 'room')
end

