-- prelude: room questions roster
-- Let somebody come back. ARGV: epoch ('' as in expel), id or member id → 1, or 0 if it may anyway
local no
if ARGV[1] == '' then no = missing() else no = refused(ARGV[1]) end
if no then return no end
local person = person_of(ARGV[2])
local id = person and person.id or ARGV[2]
if redis.call('HDEL', BANS, id) == 0 then return 0 end
touch()
append('readmitted', cjson.encode({ id = id }), 'staff')
return 1
