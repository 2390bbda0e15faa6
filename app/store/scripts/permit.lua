-- prelude: room questions roster
-- Change what somebody in the room may do, for as long as the room lives.
-- ARGV: id, permission before ('' any), permission (JSON) → the person (JSON), or 'conflict'
local gone = missing()
if gone then return gone end
local person = person_of(ARGV[1])
if not person or #person.seats == 0 then
  return redis.error_reply('not_found there is no such participant')
end
if ARGV[2] ~= '' and person.permission ~= ARGV[2] then return 'conflict' end
touch()
person.permission, person.set = ARGV[3], true
keep_person(person)
return cjson.encode(person)
