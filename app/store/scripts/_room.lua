-- What every room script shares, after the clock. KEYS are always the room's own, ARGV begins with
-- three of ours; they are taken off here, so that a script counts its own arguments from 1.
local ROOM, EVENTS, QUESTIONS, ASKED, LISTENERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ELEMENTS, REMOVED, DRAWS = KEYS[6], KEYS[7], KEYS[8]
local VOTERS, VOTES, NEW_VOTES, FACTS = KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local CLAIMS, BUDGETS, BLOBS = KEYS[13], KEYS[14], KEYS[15]
local ROSTER, BANS, RELAYS = KEYS[16], KEYS[17], KEYS[18]
local CODE = table.remove(ARGV, 1)
local WAKE = table.remove(ARGV, 1)
local TTL = table.remove(ARGV, 1)
local GROUP = CODE .. '-group'
local LAYOUT = 2 -- of a room's keys; docs/decisions/0062 says what each step changed
local LOG_EVENTS = 10000 -- what the log keeps at least,
local LOG_MS = 600000 -- and for at least so long,
local LOG_BYTES = 67108864 -- unless that is more than 64 MiB
local LOG_STEP = 16 -- events between two looks at what may go
local ENDED_LOG_TTL = 600000 -- ms: how long late readers may still learn that a room has ended,
-- counted from when the archive has all of its log; until then it lives for TTL
local BLOB_BYTES = 67108864 -- of boards' objects that wait for the archive: 64 MiB

local function ms(number) return string.format('%.0f', number) end

local function get(field) return redis.call('HGET', ROOM, field) end

-- Refresh every lifetime. A full Redis refuses a script's first write if it takes memory, and none
-- after one that does not: so what must work then (solving, ending, renewing) touches first.
local function touch()
  for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], TTL) end
end

-- Drop every key: nothing of an older lecture of this code may come back.
local function forget_all() redis.call('DEL', unpack(KEYS)) end

-- The log's newest entry as a table of its fields (id included), or nil.
local function last_event()
  local entry = redis.call('XREVRANGE', EVENTS, '+', '-', 'COUNT', 1)[1]
  if not entry then return nil end
  local fields = { id = entry[1] }
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  return fields
end

-- Why there is no live room, as an error reply; nil when there is one.
local function missing()
  if redis.call('HEXISTS', ROOM, 'status') == 1 then return nil end
  local last = last_event()
  if last and last.type == 'ended' then
    return redis.error_reply('ended the lecture is over')
  end
  return redis.error_reply('not_started the lecture has not started')
end

-- As missing(), and also the fence of every presenter's write.
local function refused(epoch)
  local gone = missing()
  if gone then return gone end
  if get('epoch') ~= epoch then
    return redis.error_reply('stale_presenter another connection holds the presenter\'s slot')
  end
  return nil
end

-- Let the log's oldest entries go, some at a time: those that are neither among the last
-- LOG_EVENTS nor younger than LOG_MS, and those beyond LOG_BYTES. Entries have no gaps, so any is
-- found by its number; those of layout 1 do not say when they were made, and count as old.
local function trim_log(seq, bytes)
  local first = tonumber(get('logFirst') or '1')
  local cut = first
  for _ = 1, 64 do
    local nearer = cut + LOG_STEP
    if nearer >= seq then break end
    local id = ms(nearer) .. '-0'
    local entry = redis.call('XRANGE', EVENTS, id, id)[1]
    local fields = entry and entry[2] or {}
    local at = fields[1] == 'at' and tonumber(fields[2]) or 0
    local weight = fields[3] == 'bytes' and bytes - tonumber(fields[4]) or 0
    local is_old = seq - nearer >= LOG_EVENTS and at < DATE - LOG_MS
    if not is_old and weight <= LOG_BYTES then break end
    cut = nearer
  end
  if cut > first then
    redis.call('XTRIM', EVENTS, 'MINID', ms(cut) .. '-0')
    redis.call('HSET', ROOM, 'logFirst', ms(cut))
  end
end

-- Keep an event's objects, which the log does not hold, until the archive has them. The oldest go
-- when there are too many: the log says how large they were, so the archive notes what it lacks.
local function keep_blob(seq, blob)
  redis.call('XADD', BLOBS, ms(seq) .. '-0', 'blob', blob)
  local bytes = redis.call('HINCRBY', ROOM, 'blobBytes', #blob)
  while bytes > BLOB_BYTES do
    local oldest = redis.call('XRANGE', BLOBS, '-', '+', 'COUNT', 1)[1]
    if not oldest then break end
    redis.call('XDEL', BLOBS, oldest[1])
    bytes = redis.call('HINCRBY', ROOM, 'blobBytes', -#oldest[2][2])
  end
end

-- Append to the log and publish the whole event. `data` is JSON text; `who` (a member id) stays
-- with the log: the archive has to find what somebody wrote when they want it erased.
local function append(kind, data, audience, blob, who)
  local seq = redis.call('HINCRBY', ROOM, 'seq', 1)
  local bytes = redis.call('HINCRBY', ROOM, 'logBytes', #data)
  local entry = { 'at', ms(DATE), 'bytes', ms(bytes), 'type', kind, 'audience', audience,
    'data', data }
  if kind == 'ended' then
    -- The hash is about to go: what whoever finishes the end needs stays with its event.
    for _, field in ipairs({ 'lectureId', 'presenterEmail', 'relay', 'startTime', 'firstSeq' }) do
      entry[#entry + 1] = field
      entry[#entry + 1] = get(field) or ''
    end
  end
  if who then
    entry[#entry + 1] = 'who'
    entry[#entry + 1] = who
  end
  if blob and blob ~= '' then
    entry[#entry + 1] = 'blob'
    entry[#entry + 1] = ms(#blob)
    keep_blob(seq, blob)
  end
  redis.call('XADD', EVENTS, ms(seq) .. '-0', unpack(entry))
  if seq % LOG_STEP == 0 or #data > 65536 then trim_log(seq, bytes) end
  redis.call('PUBLISH', WAKE, '{"seq":' .. ms(seq) .. ',"type":"' .. kind .. '","audience":"'
    .. audience .. '","data":' .. data .. '}\n' .. (blob or ''))
  return seq
end

-- ISO 8601 in UTC with milliseconds, from ms since the epoch (civil from days, Gregorian).
local function iso(at)
  local days = math.floor(at / 86400000)
  local rest = at - days * 86400000
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524)
    - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local day = doy - math.floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day,
    math.floor(rest / 3600000), math.floor(rest / 60000) % 60, math.floor(rest / 1000) % 60,
    rest % 1000)
end

-- Make the group from the stream's beginning: a group at `$` would skip what was asked before.
-- When an operator (or an expired key) took the group, what was answered stays answered.
local function make_group(consumer)
  redis.call('DEL', CLAIMS) -- whatever was claimed is the presenter's again
  redis.call('XGROUP', 'CREATE', QUESTIONS, GROUP, '0', 'MKSTREAM')
  redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'STREAMS', QUESTIONS, '>')
  for _, field in ipairs(redis.call('HKEYS', ASKED)) do
    if string.sub(field, 1, 7) == 'solved:' then
      redis.call('XACK', QUESTIONS, GROUP, string.sub(field, 8))
    end
  end
end

-- Read everything new into the presenter's pending list.
local function take_new(consumer)
  local reply = redis.pcall('XREADGROUP', 'GROUP', GROUP, consumer, 'STREAMS', QUESTIONS, '>')
  if type(reply) == 'table' and reply.err then make_group(consumer) end
end

-- The order of two entries by their ids, `<ms>-<number>`; ms have 13 digits until the year 2286.
local function is_earlier(one, other)
  local a, b = one[1], other[1]
  local at, other_at = string.sub(a, 1, 13), string.sub(b, 1, 13)
  if at ~= other_at then return at < other_at end
  if #a ~= #b then return #a < #b end
  return a < b
end

local function entry_of(id) return redis.call('XRANGE', QUESTIONS, id, id)[1] end

-- The unanswered questions as {id, {field, value, …}}, in stream order, whoever has claimed them.
-- XREADGROUP looks for each entry alone, which takes longer than to read the stream, unless most of
-- that is answered. A deleted entry is pending still: there is nothing left to answer.
local function pending()
  take_new(get('presenterEmail'))
  local waiting = redis.call('XPENDING', QUESTIONS, GROUP, '-', '+', 1000000)
  local list = {}
  if redis.call('XLEN', QUESTIONS) > 3 * #waiting then
    for _, one in ipairs(waiting) do list[#list + 1] = entry_of(one[1]) end
    return list
  end
  local is_waiting = {}
  for _, one in ipairs(waiting) do is_waiting[one[1]] = true end
  for _, entry in ipairs(redis.call('XRANGE', QUESTIONS, waiting[1] and waiting[1][1] or '+', '+')) do
    if is_waiting[entry[1]] then list[#list + 1] = entry end
  end
  return list
end

-- Put the counts that the class was not told yet into the log, for the staff and the archive.
local function append_last_votes()
  local parts = {}
  for _, id in ipairs(redis.call('SMEMBERS', NEW_VOTES)) do
    local count = tonumber(redis.call('ZSCORE', VOTES, id) or '0')
    parts[#parts + 1] = cjson.encode(id) .. ':' .. ms(count)
  end
  if #parts > 0 then append('votes', '{"votes":{' .. table.concat(parts, ',') .. '}}', 'staff') end
end

-- End the room: tell everyone, drop everything but the log, which late readers may still want and
-- the archive may not have yet.
local function finish(reason)
  touch()
  local reply = { 'ended', get('lectureId'), get('relay') or '', get('presenterEmail') }
  append_last_votes()
  append('ended', '{"reason":"' .. reason .. '"}', 'room')
  for i = 1, #KEYS do
    if KEYS[i] ~= EVENTS and KEYS[i] ~= BLOBS then redis.call('DEL', KEYS[i]) end
  end
  redis.call('PEXPIRE', EVENTS, TTL)
  return reply
end

-- The hash of an empty element board; docs/protocol.md says how it is made of elements.
local NO_ELEMENTS = '0000000000000000'

-- Forget every element: the board is a whole snapshot from now on.
local function drop_elements()
  redis.call('DEL', ELEMENTS, REMOVED)
  redis.call('HSET', ROOM, 'boardKind', 'whole', 'elements', '0', 'elementBytes', '0',
    'boardHash', NO_ELEMENTS)
end

-- What brings a room from one layout to the next. A script runs alone, so a room is brought up to
-- date once, by whichever process touches it first, and none sees it half done.
local UPGRADES = {
  ['1'] = function()
    local first = redis.call('XRANGE', EVENTS, '-', '+', 'COUNT', 1)[1]
    local seq = tonumber(get('seq') or '0')
    redis.call('HSET', ROOM, 'boardKind', 'whole', 'elements', '0', 'boardHash', NO_ELEMENTS,
      'drawers', 'presenter', 'page', '0', 'logBytes', '0',
      'logFirst', first and string.match(first[1], '^%d+') or ms(seq + 1))
  end,
}
local was = redis.call('HEXISTS', ROOM, 'status') == 1 and (get('v') or '1')
if was and tonumber(was) > LAYOUT then
  return redis.error_reply('unavailable a newer version of this server made the room')
end
while was and tonumber(was) < LAYOUT do
  touch() -- first, so that a full Redis lets the rest through
  UPGRADES[was]()
  was = ms(tonumber(was) + 1)
  redis.call('HSET', ROOM, 'v', was)
end

