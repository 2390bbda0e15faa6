-- prelude: room questions roster
-- Who somebody in the room is. ARGV: id or member id → JSON, '' when there is nobody
local gone = missing()
if gone then return gone end
local person = person_of(ARGV[1])
return person and #person.seats > 0 and cjson.encode(person) or ''
