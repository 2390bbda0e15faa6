-- The floor of a room: one JSON document in its hash (floor.lua says what it holds).
local INVITED_MS = 120000 -- for how long who was invited may send nothing,
local LOST_MS = 30000 -- and who spoke, and was lost

local function read_floor()
  return cjson.decode(get('floor') or '{"hands":[],"speakers":[],"muted":{}}')
end
local function listed(list) -- an empty table is written as an object otherwise
  return #list == 0 and '[]' or cjson.encode(list)
end
local function keep_floor(floor)
  redis.call('HSET', ROOM, 'floor', '{"hands":' .. listed(floor.hands) .. ',"speakers":'
    .. listed(floor.speakers) .. ',"muted":' .. cjson.encode(floor.muted) .. '}')
end
local function tell_tracks(floor)
  local shown = {}
  for place, one in ipairs(floor.speakers) do -- a peer's id is its owner's alone
    shown[place] = { id = one.id, name = one.name, sources = one.sources, muted = one.muted }
  end
  append('tracks', '{"speakers":' .. listed(shown) .. ',"presenterMuted":'
    .. cjson.encode(floor.muted) .. '}', 'room')
end

-- Speakers whose peer is gone send nothing; they may come back for a while. Returns whether any was.
local function lose_speakers(floor, peers)
  local any = false
  for _, one in ipairs(floor.speakers) do
    for _, peer in ipairs(peers) do
      if one.peer == peer then
        one.peer, one.idle, one.ready, one.pending = '', NOW + LOST_MS, nil, nil
        one.sources = { microphone = false, camera = false, screen = false }
        any = true
      end
    end
  end
  return any
end

-- Speakers whose media is connected: from now on the room is told what they send, not before (seed
-- row L22). Returns whether any was.
local function connect_speakers(floor, peers)
  local any = false
  for _, one in ipairs(floor.speakers) do
    for _, peer in ipairs(peers) do
      if one.peer == peer and one.ready ~= peer then
        one.ready = peer
        if one.pending then one.sources, one.pending = one.pending, nil end
        if one.sources.microphone or one.sources.camera or one.sources.screen then one.idle = nil end
        any = true
      end
    end
  end
  return any
end

-- Whoever has sent nothing for too long speaks no more: a place is free, and nobody is shown who
-- is not there.
local function drop_idle_speakers()
  local text = get('floor')
  if not text or not string.find(text, '"idle":', 1, true) then return end
  local floor = cjson.decode(text)
  local left = {}
  for _, one in ipairs(floor.speakers) do
    if not one.idle or one.idle > NOW then left[#left + 1] = one end
  end
  if #left == #floor.speakers then return end
  floor.speakers = left
  keep_floor(floor)
  tell_tracks(floor)
end
