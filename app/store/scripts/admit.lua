-- prelude: room questions roster
-- Give somebody a seat, unless it was removed, or the room is full or not its own to enter.
-- ARGV: id, identity, name, kind, role, permission (JSON), holder, peer and relay ('' without
-- media of its own), lecture ('' any), issued ms ('0': never too old), participant limit and input
-- limit ('-1': none), notify '1' or '0' → the permission in force (JSON)
local id, identity, name, kind, role, permission, holder, peer, relay, lecture, issued, limit,
  inputs, notify = unpack(ARGV)
local gone = missing()
if gone then return gone end
if lecture ~= '' and lecture ~= get('lectureId') then
  return redis.error_reply('ended the lecture of this ticket is over')
end
if kind ~= 'MEMBER' and string.sub(get('presenterEmail'), 1, 8) == 'service:' then
  return redis.error_reply('forbidden this room is entered with a ticket')
end
local record = redis.call('HGET', BANS, id)
if record then
  local removed = cjson.decode(record)
  if removed.banned then return redis.error_reply('banned you were removed from this lecture') end
  if issued ~= '0' and tonumber(issued) <= removed.at then
    return redis.error_reply('banned you were removed; this was issued before that')
  end
end
local person = person_of(id)
local is_new = not person or #person.seats == 0
if is_new and tonumber(limit) >= 0
  and tonumber(redis.call('HGET', ROSTER, 'count') or '0') >= tonumber(limit) then
  return redis.error_reply('room_full Room is full')
end
touch()
if not person then
  person = { id = id, member = member_of(identity), identity = identity, since = DATE, seats = {},
    peers = {} }
end
person.name, person.kind, person.notify = name, kind, notify == '1'
if not person.set then person.role, person.permission = role, permission end
person.seats = drop(person.seats, function(one) return one ~= holder end)
person.seats[#person.seats + 1] = { holder, DATE }
if #person.seats > MAX_SEATS then table.remove(person.seats, 1) end
if peer ~= '' then
  person.peers = drop(person.peers, function(one) return one ~= peer end)
  person.peers[#person.peers + 1] = { peer, relay }
  if #person.peers > MAX_PEERS then table.remove(person.peers, 1) end
end
keep_person(person)
if tonumber(inputs) >= 0 then redis.call('HSET', ROOM, 'inputLimit', inputs) end
if is_new then came(person) end
if role == 'assistant' then
  local list, member = assistants(), person.member
  if not list[member] then
    list[member] = name
    redis.call('HSET', ROOM, 'assistants', cjson.encode(list))
    append('assistants', '{"assistants":' .. assistants_json(list) .. '}', 'room')
  end
end
touch()
return person.permission
