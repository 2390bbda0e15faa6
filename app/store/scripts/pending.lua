-- prelude: room
-- → the unanswered questions as {id, {field, value, …}}, in order
local gone = missing()
if gone then return gone end
local list = pending()
touch()
return list
