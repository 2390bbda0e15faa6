-- prelude: room questions
-- The questions that somebody sees: staff all that are unanswered (the first 1,000) and the
-- newest, the class those shown to it with the most votes and the newest, and one's own.
-- ARGV: the caller, question ids apart by spaces of which it wants to know whether they are
-- answered → JSON
local STAFF_OPEN, NEWEST, TOP = 1000, 100, 100
local role, no = role_of_caller()
if not role then return no end
local _ = tend()
local who = ARGV[2]
local staff = is_staff(role)
local member = member_of(who)
local own, listed, newest, others = {}, {}, {}, {}
local latest = redis.call('XREVRANGE', QUESTIONS, '+', '-', 'COUNT', NEWEST)
for i = #latest, 1, -1 do
  newest[#newest + 1] = latest[i]
  listed[latest[i][1]] = true
end

local function add(id)
  local entry = not listed[id] and entry_of(id)
  if not entry then return end
  listed[id] = true
  others[#others + 1] = entry
end

if staff then
  for n, entry in ipairs(pending()) do
    if n > STAFF_OPEN then break end
    if not listed[entry[1]] then
      listed[entry[1]] = true
      others[#others + 1] = entry
    end
  end
else
  for _, id in ipairs(redis.call('ZREVRANGE', VOTES, 0, TOP - 1)) do add(id) end
end
local in_order = staff
for id in string.gmatch(redis.call('HGET', ASKED, 'mine:' .. who) or '', '%S+') do
  own[id] = true
  if not listed[id] then
    in_order = false
    add(id)
  end
end
if not in_order then table.sort(others, is_earlier) end

-- All others are older than the newest.
local entries = others
for _, entry in ipairs(newest) do entries[#entries + 1] = entry end

-- One command looks for what is known of all, not one for each: everybody waits for this script.
local ids, marks, ballots = {}, {}, {}
for i, entry in ipairs(entries) do
  local id = entry[1]
  ids[i], marks[i], ballots[i] = id, 'solved:' .. id, id .. ' ' .. who
end
local facts, solved, votes, voted = {}, {}, {}, {}
if #ids > 0 then
  facts = facts_of(ids)
  solved = redis.call('HMGET', ASKED, unpack(marks))
  votes = redis.call('ZMSCORE', VOTES, unpack(ids))
  voted = redis.call('SMISMEMBER', VOTERS, unpack(ballots))
end
local claimed = {}
for _, id in ipairs(redis.call('ZRANGE', CLAIMS, 0, -1)) do claimed[id] = true end

local parts = {}
for i, entry in ipairs(entries) do
  local id, fact = entry[1], read_fact(facts[i])
  local count, answered = tonumber(votes[i] or '0'), solved[i] and true or false
  local seen
  if staff then
    seen = shown_to_staff(entry, fact, count, answered, claimed[id])
  elseif fact.shown == 'visible' or own[id] then
    seen = shown_to_class(entry, fact, count, answered)
    if own[id] then
      seen.shown = fact.shown
      seen.name = field_of(entry, 'name')
    end
  end
  if seen then
    seen.mine = own[id] or false
    seen.voted = voted[i] == 1
    parts[#parts + 1] = cjson.encode(seen)
  end
end

-- Of the ids that a client remembers it learns only whether they are answered.
local known = {}
for id in string.gmatch(ARGV[6], '%S+') do
  local state = is_solved(id) and 'answered' or entry_of(id) and 'open' or 'unknown'
  known[#known + 1] = cjson.encode(id) .. ':"' .. state .. '"'
end

-- An assistant appointed by e-mail has its name from its first visit on.
if role == 'assistant' then
  local list = assistants()
  if list[member] == '' then
    list[member] = ARGV[3]
    redis.call('HSET', ROOM, 'assistants', cjson.encode(list))
    append('assistants', '{"assistants":' .. assistants_json(list) .. '}', 'room')
  end
end
return '{"memberId":"' .. member .. '","role":"' .. role .. '","moderation":'
  .. (get('moderation') == '1' and 'true' or 'false') .. ',"assistants":'
  .. assistants_json(assistants()) .. ',"known":{' .. table.concat(known, ',')
  .. '},"questions":[' .. table.concat(parts, ',') .. ']}'
