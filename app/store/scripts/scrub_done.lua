-- Note that it is done, unless somebody asked again meanwhile. KEYS: the note. ARGV: the count → 1, 0
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
