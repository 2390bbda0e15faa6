-- prelude: room floor
-- What whoever sends media says along with it, and its attributes (seed rows L13, L36). A stream is
-- named as `tracks` names its owner, 'presenter' for the presenter's.
-- ARGV: 'data' or 'attributes', epoch ('' for a participant), member id, JSON text → seq
-- ARGV: 'look', '', stream → its attributes as JSON text, '{}' where there are none
local what, epoch, member, text = unpack(ARGV)
local no
if epoch == '' then no = missing() else no = refused(epoch) end
if no then return no end
local floor = read_floor()
local speaker
for _, one in ipairs(floor.speakers) do if one.id == member then speaker = one end end
if what == 'look' then
  if member == 'presenter' then return get('attributes') or '{}' end
  if not speaker then return redis.error_reply('not_found there is no such stream') end
  return speaker.attributes or '{}'
end
local stream = 'presenter'
if epoch == '' then
  if not speaker or speaker.peer == '' then
    return redis.error_reply('forbidden only who sends media may do that')
  end
  stream = member
end
touch()
if what == 'attributes' then -- replaced, never merged
  if speaker and epoch == '' then
    speaker.attributes = text
    keep_floor(floor)
  else
    redis.call('HSET', ROOM, 'attributes', text)
  end
end
local field = what == 'data' and 'message' or 'attributes'
return append(what, '{"stream":' .. cjson.encode(stream) .. ',"' .. field .. '":' .. text .. '}',
  'room', nil, member ~= '' and member or nil)
