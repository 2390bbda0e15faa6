-- prelude: room questions roster
-- Note a peer of somebody who has a seat. ARGV: id, peer, relay → 1, or 0 for one who was removed
local gone = missing()
if gone then return gone end
local person = person_of(ARGV[1])
if (not person or #person.seats == 0) and redis.call('HEXISTS', BANS, ARGV[1]) == 1 then
  return 0
end
if not person then return 1 end -- the room's keys were lost, and written back without the roster
touch()
person.peers = drop(person.peers, function(one) return one ~= ARGV[2] end)
person.peers[#person.peers + 1] = { ARGV[2], ARGV[3] }
if #person.peers > MAX_PEERS then table.remove(person.peers, 1) end
keep_person(person)
return 1
