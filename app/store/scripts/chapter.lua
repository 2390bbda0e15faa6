-- prelude: room
-- The presenter marks where a chapter begins. ARGV: epoch, title, field of ASKED that makes it
-- idempotent or '' → chapter id
local MAX_CHAPTERS = 500
local no = refused(ARGV[1])
if no then return no end
if ARGV[3] ~= '' then
  local before = redis.call('HGET', ASKED, ARGV[3])
  if before then return before end
end
if tonumber(get('chapters') or '0') >= MAX_CHAPTERS then
  return redis.error_reply('conflict a lecture has at most ' .. MAX_CHAPTERS .. ' chapters')
end
local id = ms(redis.call('HINCRBY', ROOM, 'chapters', 1))
if ARGV[3] ~= '' then redis.call('HSET', ASKED, ARGV[3], id) end
append('chapter', cjson.encode({ chapterId = id, title = ARGV[2] }), 'room')
touch()
return id
