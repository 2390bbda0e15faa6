-- prelude: room questions roster
-- Take back the seats of processes that are gone. ARGV: those that live → seats taken back
if redis.call('HEXISTS', ROOM, 'status') == 0 then return 0 end
local alive = {}
for _, node in ipairs(ARGV) do alive[node] = true end
touch()
local total = 0
local fields = redis.call('HGETALL', ROSTER)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 2) == 'p:' then
    local person, gone = cjson.decode(fields[i + 1]), nil
    person.seats, gone = drop(person.seats, function(holder)
      return alive[string.match(holder, '^[^/]+')]
    end)
    if gone > 0 then
      total = total + gone
      keep_person(person)
      if #person.seats == 0 then went(person) end
    end
  end
end
return total
