-- prelude: room questions roster
-- Take a seat back, and forget a peer that was closed. ARGV: id, holder, peer ('' none) → 1 or 0
local id, holder, peer = unpack(ARGV)
if redis.call('HEXISTS', ROOM, 'status') == 0 then return 0 end
local person = person_of(id)
if not person then return 0 end
touch()
local gone
person.seats, gone = drop(person.seats, function(one) return one ~= holder end)
if peer ~= '' then person.peers = drop(person.peers, function(one) return one ~= peer end) end
keep_person(person)
if gone > 0 and #person.seats == 0 then went(person) end
return gone
