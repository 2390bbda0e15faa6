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
local own, listed, entries = {}, {}, {}

local function add(entry)
  if not entry or not entry[2] or listed[entry[1]] then return end
  listed[entry[1]] = true
  entries[#entries + 1] = entry
end

for id in string.gmatch(redis.call('HGET', ASKED, 'mine:' .. who) or '', '%S+') do
  own[id] = true
  add(entry_of(id))
end
for _, entry in ipairs(redis.call('XREVRANGE', QUESTIONS, '+', '-', 'COUNT', NEWEST)) do
  add(entry)
end
if staff then
  for n, entry in ipairs(pending()) do
    if n > STAFF_OPEN then break end
    add(entry)
  end
else
  for _, id in ipairs(redis.call('ZREVRANGE', VOTES, 0, TOP - 1)) do add(entry_of(id)) end
end
table.sort(entries, is_earlier)

local parts = {}
for _, entry in ipairs(entries) do
  local id, fact = entry[1], fact_of(entry[1])
  local seen
  if staff then
    seen = shown_to_staff(entry, fact)
  elseif fact.shown == 'visible' or own[id] then
    seen = shown_to_class(entry, fact)
    if own[id] then
      seen.shown = fact.shown
      seen.name = field_of(entry, 'name')
    end
  end
  if seen then
    seen.mine = own[id] or false
    seen.voted = redis.call('SISMEMBER', VOTERS, id .. ' ' .. who) == 1
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
