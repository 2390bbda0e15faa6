-- prelude: room questions
-- Tell the class what changed in the counts, and end claims whose time is over.
-- → ms after which somebody must call this again; 0: nothing is left to tell
if missing() then return 0 end
return tend()
