-- prelude: room questions roster
-- Pass a message from one browser to another, in a room whose media goes between browsers (seed row
-- L37). ARGV: sender's id, 'presenter' or an id, message (JSON), messages per second, burst → seq
local from, to, text, per_second, burst = unpack(ARGV)
local gone = missing()
if gone then return gone end
if to ~= 'presenter' then
  local person = person_of(to)
  if not person or #person.seats == 0 then
    return redis.error_reply('not_found Target participant does NOT exist: ' .. to)
  end
  to = person.id
end
touch()
if not may('signal', from, tonumber(per_second), tonumber(burst)) then
  return redis.error_reply('rate_limited too many messages: slow down')
end
return append('signal', '{"from":' .. cjson.encode(from) .. ',"to":' .. cjson.encode(to)
  .. ',"message":' .. text .. '}', 'room', nil, from)
