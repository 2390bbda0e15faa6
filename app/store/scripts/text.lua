-- prelude: room questions roster
-- Send a text to everyone or to one person. ARGV: sender's id, name, 'all' or an id, text, texts
-- per second, burst → seq
local from, name, to, text, per_second, burst = unpack(ARGV)
local gone = missing()
if gone then return gone end
if to ~= 'all' then
  local person = person_of(to)
  if not person or #person.seats == 0 then
    return redis.error_reply('not_found Target participant does NOT exist: ' .. to)
  end
  to = person.id
end
touch()
if not may('text', from, tonumber(per_second), tonumber(burst)) then
  return redis.error_reply('rate_limited too many texts: slow down')
end
return append('text', cjson.encode({ from = from, name = name, to = to, message = text,
  at = iso(DATE) }), 'room')
