-- prelude: room floor
-- What a relay saw of a room's media. ARGV: JSON {left [peer], connected [speaker's peer], speaker (peer, '' or absent), levels [[peer,
-- dBov]], bindings [[peer, mid, owner peer or '', source or '']], layers [[peer, mid, layer, temporal
-- layer, is paused]], alerts [[peer, mid, is short, bps]], wanted [[peer, source, rids]]} → how many
-- events were told. An absent or empty list tells nothing, but for levels: an empty one is silence.
if missing() then return 0 end
local note = cjson.decode(ARGV[1])
local floor = read_floor()
local told = 0
local function tell(kind, data) told = told + 1; append(kind, data, 'room') end
local function name_of(peer)
  if peer == '' then return '' end
  for _, one in ipairs(floor.speakers) do if one.peer == peer then return one.id end end
  return 'presenter'
end

if note.left and lose_speakers(floor, note.left) then
  keep_floor(floor)
  tell_tracks(floor)
  told = told + 1
end
if note.connected and connect_speakers(floor, note.connected) then
  keep_floor(floor)
  tell_tracks(floor)
  told = told + 1
end
if note.speaker then
  local id = name_of(note.speaker)
  tell('speaking', '{"id":' .. (id == '' and 'null' or cjson.encode(id)) .. '}')
end
if note.levels then
  local list = {}
  for place, one in ipairs(note.levels) do
    list[place] = '{"id":' .. cjson.encode(name_of(one[1])) .. ',"level":' .. one[2] .. '}'
  end
  tell('levels', '{"levels":[' .. table.concat(list, ',') .. ']}')
end
local function tell_list(kind, field, notes, change)
  if not notes or #notes == 0 then return end
  for _, one in ipairs(notes) do change(one) end
  tell(kind, '{"' .. field .. '":' .. cjson.encode(notes) .. '}')
end
local function keep() end
tell_list('bound', 'bindings', note.bindings, function(one) one[3] = name_of(one[3]) end)
tell_list('layer', 'sections', note.layers, keep)
tell_list('bandwidth', 'sections', note.alerts, keep)
tell_list('layers', 'wanted', note.wanted, function(one) one[1] = name_of(one[1]) end)
if told > 0 then touch() end
return told
