-- What the scripts about who is in a room share, after the room's and the questions'. ROSTER has
-- for each person `p:<id>` → JSON {id, member, identity, name, kind, role, permission (JSON), set,
-- notify, since, seats [[holder, ms]], peers [[peer, relay]]}, `q:<member id>` → id, and `count`:
-- how many have a seat. A person stays when the last seat is gone: its peers may send still.
local MAX_SEATS, MAX_PEERS = 32, 8

local function person_of(id)
  local text = redis.call('HGET', ROSTER, 'p:' .. id)
  if not text then
    local other = redis.call('HGET', ROSTER, 'q:' .. id)
    text = other and redis.call('HGET', ROSTER, 'p:' .. other)
  end
  return text and cjson.decode(text) or nil
end

local function keep_person(person)
  redis.call('HSET', ROSTER, 'p:' .. person.id, cjson.encode(person), 'q:' .. person.member,
    person.id)
end

local function notice(person, action)
  if not person.notify then return end
  append('participant', cjson.encode({ action = action,
    data = { id = person.id, user = person.name, role = person.role } }), 'room')
end

-- Note that a person has its first seat, or no seat any more.
local function came(person)
  redis.call('HINCRBY', ROSTER, 'count', 1)
  notice(person, 'join')
end
local function went(person)
  redis.call('HINCRBY', ROSTER, 'count', -1)
  notice(person, 'leave')
end

-- Take the entries out of a list whose first part is not to stay; → how many went.
local function drop(list, stays)
  local kept, gone = {}, 0
  for _, one in ipairs(list) do
    if stays(one[1]) then kept[#kept + 1] = one else gone = gone + 1 end
  end
  return kept, gone
end
