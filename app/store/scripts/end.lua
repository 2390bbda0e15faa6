-- prelude: room
-- End a lecture, once. A repeat is fine and answers {'already'}.
-- ARGV: epoch ('' when not the presenter's connection asks), reason
-- → {'ended', lectureId, relay, email} to exactly one caller · {'already'}
if redis.call('HEXISTS', ROOM, 'status') == 0 then
  local last = last_event()
  if last and last.type == 'ended' then return { 'already' } end
  return missing()
end
if ARGV[1] ~= '' then
  local no = refused(ARGV[1])
  if no then return no end
end
return finish(ARGV[2])
