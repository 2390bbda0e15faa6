-- prelude: room
-- The archive has everything up to an event: its objects need not wait any more.
-- ARGV: seq, lecture id → bytes that still wait
if get('lectureId') ~= ARGV[2] then return 0 end
redis.call('XTRIM', BLOBS, 'MINID', ms(tonumber(ARGV[1]) + 1) .. '-0')
local bytes = 0
for _, entry in ipairs(redis.call('XRANGE', BLOBS, '-', '+')) do bytes = bytes + #entry[2][2] end
redis.call('HSET', ROOM, 'blobBytes', ms(bytes))
return bytes
