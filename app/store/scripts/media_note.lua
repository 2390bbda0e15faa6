-- prelude: room
-- What a relay saw of a room's media. ARGV: JSON {left [peer], speaker (peer, '' or absent),
-- bindings [[peer, mid, owner peer or '', source or '']]} → how many events were told
if missing() then return 0 end
local note = cjson.decode(ARGV[1])
local text = get('floor')
local floor = text and cjson.decode(text) or { hands = {}, speakers = {}, muted = {} }
local told = 0
local function tell(kind, data) told = told + 1; append(kind, data, 'room') end
local function name_of(peer)
  if peer == '' then return '' end
  for _, one in ipairs(floor.speakers) do if one.peer == peer then return one.id end end
  return 'presenter'
end

if note.speaker then
  local id = name_of(note.speaker)
  tell('speaking', '{"id":' .. (id == '' and 'null' or cjson.encode(id)) .. '}')
end
if note.bindings and #note.bindings > 0 then
  local list = {}
  for place, one in ipairs(note.bindings) do
    list[place] = { one[1], one[2], name_of(one[3]), one[4] }
  end
  tell('bound', '{"bindings":' .. cjson.encode(list) .. '}')
end
if told > 0 then touch() end
return told
