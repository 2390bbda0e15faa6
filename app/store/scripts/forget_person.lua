-- Drop what Redis keeps of one person, of keys in one slot. KEYS: their user record.
-- → the rooms that it named, apart by spaces
local rooms = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 5) == 'room:' then rooms[#rooms + 1] = string.sub(field, 6) end
end
redis.call('DEL', KEYS[1])
return table.concat(rooms, ' ')
