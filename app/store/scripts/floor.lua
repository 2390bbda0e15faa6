-- prelude: room floor
-- Who has a hand up, who was invited to speak, and whose tracks are muted: one JSON document in the
-- room's hash, `floor` {hands [{id, name}], speakers [{id, name, peer, sources, muted, idle (ms at
-- which one who sends nothing speaks no more), pending (sources of a peer that is not connected
-- yet), ready (the peer that is)}],
-- muted {source: [by]}} (the last one is the presenter's own tracks).
-- ARGV: what, epoch ('' for a participant), member id, name, argument, second argument, '1' for one
-- who may publish without an invitation
-- → {'ok', the peer that this is about or ''}
local MAX_HANDS, MAX_SPEAKERS = 200, 7
local what, epoch, member, name, value, extra, may = unpack(ARGV)
local no
if epoch == '' then no = missing() else no = refused(epoch) end
if no then return no end
touch()
local floor = read_floor()

local function find(list)
  for place, one in ipairs(list) do if one.id == member then return place, one end end
end
local function tell_hands() append('hands', '{"hands":' .. listed(floor.hands) .. '}', 'presenter') end
local function set_muted(table_of, source, by, on)
  local rest = {}
  for _, one in ipairs(table_of[source] or {}) do if one ~= by then rest[#rest + 1] = one end end
  if on then rest[#rest + 1] = by end
  table_of[source] = #rest > 0 and rest or nil
end

local hand = find(floor.hands)
local place, speaker = find(floor.speakers)
local peer = speaker and speaker.peer or ''
if what == 'raise' then
  if hand or speaker then return { 'ok', peer } end
  if #floor.hands >= MAX_HANDS then
    return redis.error_reply('rate_limited too many hands are up already')
  end
  floor.hands[#floor.hands + 1] = { id = member, name = name }
  tell_hands()
elseif what == 'lower' then
  if not hand then return { 'ok', peer } end
  table.remove(floor.hands, hand)
  tell_hands()
elseif what == 'invite' then
  if speaker then return { 'ok', peer } end
  if not hand then return redis.error_reply('not_found this member has no hand up') end
  if #floor.speakers >= MAX_SPEAKERS then
    return redis.error_reply('conflict as many speak already as a lecture may have')
  end
  floor.speakers[#floor.speakers + 1] =
    { id = member, name = floor.hands[hand].name, peer = '', sources = {}, muted = {},
      idle = NOW + INVITED_MS }
  floor.speakers[#floor.speakers].sources = { microphone = false, camera = false, screen = false }
  table.remove(floor.hands, hand)
  tell_hands()
  tell_tracks(floor)
elseif what == 'uninvite' then
  if not speaker then return { 'ok', '' } end
  table.remove(floor.speakers, place)
  tell_tracks(floor)
elseif what == 'publish' then
  if not speaker and may == '1' then
    if #floor.speakers >= MAX_SPEAKERS then
      return redis.error_reply('conflict as many speak already as a lecture may have')
    end
    speaker = { id = member, name = name, peer = '', sources = {}, muted = {} }
    floor.speakers[#floor.speakers + 1] = speaker
  end
  local inputs = tonumber(get('inputLimit') or '')
  if speaker and speaker.peer == '' and inputs then
    for _, one in ipairs(floor.speakers) do if one.peer ~= '' then inputs = inputs - 1 end end
    if inputs <= 1 then -- one is the presenter's
      return redis.error_reply('conflict Too many inputs')
    end
  end
  if not speaker then return redis.error_reply('forbidden only who was invited may speak') end
  local muted = peer == value and speaker.muted or {} -- the same peer with one more section
  speaker.peer, speaker.muted = value, muted
  -- It is noted before its peer is opened; what it sends is known after that, and told once its
  -- media is connected (connect_speakers).
  if speaker.ready == value then
    speaker.sources, speaker.pending = cjson.decode(extra), nil
  else
    speaker.sources = { microphone = false, camera = false, screen = false }
    speaker.pending, speaker.ready = cjson.decode(extra), nil
  end
  local sends = speaker.ready and string.find(extra, 'true', 1, true)
  speaker.idle = not sends and NOW + INVITED_MS or nil
  tell_tracks(floor)
elseif what == 'mute' or what == 'unmute' then
  -- value: source; extra: 'owner' or 'presenter'; member '' is the presenter
  local of = member == '' and floor.muted or (speaker and speaker.muted)
  if not of then return redis.error_reply('not_found this member does not speak') end
  set_muted(of, value, extra, what == 'mute')
  tell_tracks(floor)
end
keep_floor(floor)
return { 'ok', peer }
