-- prelude: room questions roster
-- Remove somebody, and from then on refuse what it was given before; or all of it, if banned.
-- ARGV: epoch ('' when it is not the presenter's connection that asks), id (or a questions' member
-- id), identity ('' when only the id is known), banned '1' or '0', reason → the person (JSON)
local MAX_BANS = 10000
local epoch, id, identity, banned, reason = unpack(ARGV)
local no
if epoch == '' then no = missing() else no = refused(epoch) end
if no then return no end
local person = person_of(id)
if not person then
  if identity == '' then return redis.error_reply('not_found there is no such member') end
  person = { id = id, member = member_of(identity), identity = identity, name = '', kind = '',
    role = '', permission = '{}', since = DATE, seats = {}, peers = {} }
end
if epoch ~= '' and person.identity == get('presenterEmail') then
  return redis.error_reply('forbidden the presenter is not removed')
end
if redis.call('HLEN', BANS) >= MAX_BANS and redis.call('HEXISTS', BANS, person.id) == 0 then
  return redis.error_reply('conflict too many were removed from this lecture')
end
touch()
redis.call('HSET', BANS, person.id, cjson.encode({ id = person.id, member = person.member,
  name = person.name, banned = banned == '1', at = DATE, reason = reason }))
local reply = cjson.encode(person)
local had_seat = #person.seats > 0
person.seats, person.peers, person.set = {}, {}, nil
keep_person(person)
if had_seat then went(person) end
append('expelled', cjson.encode({ id = person.id, memberId = person.member, name = person.name,
  banned = banned == '1', reason = reason }), 'staff')
local list = assistants()
if list[person.member] then
  list[person.member] = nil
  redis.call('HSET', ROOM, 'assistants', next(list) and cjson.encode(list) or '{}')
  append('assistants', '{"assistants":' .. assistants_json(list) .. '}', 'room')
end
touch()
return reply
