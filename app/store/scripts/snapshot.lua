-- prelude: room
-- The whole room at one instant. ARGV: '1' with questions → {HGETALL, questions}
local gone = missing()
if gone then return gone end
local questions = {}
if ARGV[1] == '1' then
  questions = pending()
  touch()
end
return { redis.call('HGETALL', ROOM), questions }
