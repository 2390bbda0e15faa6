-- prelude: room
-- What a room is made of, for the process that holds its presenter: if the keys are deleted, it
-- writes them back (restore). Not the log, which may be large and only looks back, nor what waits
-- for the archive, nor the listeners, who are counted anew, nor who is in: they take their seats
-- again. Bans are copied.
-- ARGV: seq of the copy that the caller has ('' for none), most bytes
-- → {'same'} · {'copy', seq, a DUMP or '' for each key} · {'large'} · {'gone'} · {'over'}
if redis.call('HEXISTS', ROOM, 'status') == 0 then
  local last = last_event()
  return { last and last.type == 'ended' and 'over' or 'gone' }
end
local seq = get('seq')
if seq == ARGV[1] then return { 'same' } end
local left_out = { [EVENTS] = true, [LISTENERS] = true, [BLOBS] = true, [ROSTER] = true }
local bytes = 0
for i = 1, #KEYS do
  if not left_out[KEYS[i]] then
    bytes = bytes + (redis.call('MEMORY', 'USAGE', KEYS[i]) or 0)
  end
end
if bytes > tonumber(ARGV[2]) then return { 'large' } end
local reply = { 'copy', seq }
for i = 1, #KEYS do
  local dump = not left_out[KEYS[i]] and redis.call('DUMP', KEYS[i])
  reply[#reply + 1] = dump or ''
end
return reply
