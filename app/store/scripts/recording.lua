-- prelude: room
-- Switch a lecture's recording on or off, or note that its relay cannot write it, or can again.
-- ARGV: 'on' | 'off' | 'fault', epoch of the presenter ('' for a relay), lecture id ('' for a
--   presenter), reason of a fault ('' where it is over)
-- → JSON {state: 'on' | 'off' | 'failed', since: ISO or null, reason: text or null}
local what, epoch, lecture, reason = unpack(ARGV)
local OFF = '{"state":"off","since":null,"reason":null}'
local no
if epoch == '' then no = missing() else no = refused(epoch) end
if no then return no end
local text = get('recording') or OFF
local now = cjson.decode(text)
local said
if what == 'fault' then
  if now.state == 'off' or get('lectureId') ~= lecture then return text end
  said = '{"state":"' .. (reason == '' and 'on' or 'failed') .. '","since":"' .. now.since
    .. '","reason":' .. (reason == '' and 'null' or cjson.encode(reason)) .. '}'
elseif what == 'on' then
  if now.state ~= 'off' then return text end
  said = '{"state":"on","since":"' .. iso(DATE) .. '","reason":null}'
else
  said = OFF
end
touch()
if said == text then return text end
redis.call('HSET', ROOM, 'recording', said)
append('recording', said, 'room')
return said
