-- prelude: room
-- Take a question off the pending list. A repeat is fine and tells nobody again.
-- ARGV: epoch, question id → 1, or 0 when it was off already
local no = refused(ARGV[1])
if no then return no end
local mark = 'solved:' .. ARGV[2]
if redis.call('HEXISTS', ASKED, mark) == 1 then return 0 end
if #redis.call('XRANGE', QUESTIONS, ARGV[2], ARGV[2]) == 0 then
  return redis.error_reply('not_found there is no such question')
end
touch()
take_new(get('presenterEmail'))
redis.call('XACK', QUESTIONS, GROUP, ARGV[2])
-- Kept beside the group, because a group that is deleted forgets what was answered.
redis.call('HSET', ASKED, mark, '1')
append('solved', cjson.encode({ questionId = ARGV[2] }), 'room')
touch()
return 1
