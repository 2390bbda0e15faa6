-- prelude: room questions
-- Show a question to the class, or hide it. Who asked sees it either way.
-- ARGV: the caller, question id, 'visible' or 'hidden' → 1, or 0 when it was so already
local role, no = role_of_caller()
if not role then return no end
local id, wanted = ARGV[6], ARGV[7]
local entry = entry_of(id)
if not entry then return not_found() end
local fact = fact_of(id)
if fact.shown == wanted then return 0 end
touch()
if wanted == 'visible' then
  show(entry, fact)
else
  fact.shown = wanted
  keep(id, fact)
  -- Also of one that the class never saw: its asker is told, and to others the id says nothing.
  append('hidden', cjson.encode({ questionId = id }), 'room')
end
touch()
return 1
