-- prelude: room questions
-- Whether the class sees a question only once the presenter or an assistant has approved it.
-- Turned off, what waits goes on waiting. ARGV: the caller, '1' or '0' → 1, or 0 when it was so
local role, no = role_of_caller()
if not role then return no end
if (get('moderation') or '0') == ARGV[6] then return 0 end
touch()
redis.call('HSET', ROOM, 'moderation', ARGV[6])
append('moderation', '{"on":' .. (ARGV[6] == '1' and 'true' or 'false') .. '}', 'room')
touch()
return 1
