-- prelude: room
-- Merge operations into the element board: of two writes of one element the higher version wins,
-- at equal versions a removal, then the lower nonce. Nothing depends on the order of arrival.
-- ARGV: epoch ('' for one who is not the presenter), identity, its id in the room ('' for none), key
-- of DRAWS, n, then n times
--   kind, id, version, nonce, a, b, page, JSON
--   put: JSON of the element · del: nonce, a, b, page and JSON empty · clear: page or '', no more
-- → {rev, hash, 1}, or what the first draw of this key answered: {rev, hash, 0}
local MAX_ELEMENTS = 10000
local MAX_BYTES = 33554432 -- of their JSON together: 32 MiB
local KEEP = 10000 -- draws and removals that are remembered at least
local WORD = 4294967296

local gone = missing()
if gone then return gone end
local before = redis.call('HGET', DRAWS, ARGV[4])
if before then
  local rev, hash = string.match(before, '^%d+:(%d+):(%x+)$')
  return { tonumber(rev), hash, 0 }
end
if ARGV[1] ~= '' then
  local no = refused(ARGV[1])
  if no then return no end
else
  local drawers = get('drawers')
  local lines = '\n' .. (get('drawersList') or '') .. '\n'
  local function named(name)
    return name ~= '' and string.find(lines, '\n' .. name .. '\n', 1, true)
  end
  if drawers ~= 'everyone'
    and not (drawers == 'list' and (named(ARGV[2]) or named(ARGV[3]))) then
    return redis.error_reply('forbidden the presenter lets nobody else draw now')
  end
end

-- Decide first, in memory: a draw that is refused has changed nothing.
local count = tonumber(get('elements') or '0')
local bytes = tonumber(get('elementBytes') or '0')
local hash_a, hash_b = string.match(get('boardHash') or NO_ELEMENTS, '^(%x%x%x%x%x%x%x%x)(%x+)$')
hash_a, hash_b = tonumber(hash_a, 16), tonumber(hash_b, 16)
local seen, changed, done = {}, {}, {}

local function read(value)
  local version, nonce, a, b, page, from =
    string.match(value, '^(%d+):(%d+):(%d+):(%d+):(%d+):()')
  return { size = #value - from + 1, live = true, version = tonumber(version), nonce = tonumber(nonce), a = tonumber(a),
    b = tonumber(b), page = page }
end

local function look(id)
  local known = seen[id]
  if known ~= nil then return known end
  local value = redis.call('HGET', ELEMENTS, id)
  if value then
    known = read(value)
  else
    local mark = redis.call('HGET', REMOVED, id)
    known = mark and { live = false, version = tonumber(string.match(mark, ':(%d+)$')) } or false
  end
  seen[id] = known
  return known
end

local function set(id, element)
  local old = seen[id]
  if old and old.live then
    count, bytes = count - 1, bytes - old.size
    hash_a, hash_b = (hash_a - old.a) % WORD, (hash_b - old.b) % WORD
  end
  if element.live then
    count, bytes = count + 1, bytes + element.size
    hash_a, hash_b = (hash_a + element.a) % WORD, (hash_b + element.b) % WORD
  end
  seen[id] = element
  changed[id] = element
end

local apply = {}

function apply.put(id, version, nonce, a, b, page, json)
  local old = look(id)
  local wins = not old or version > old.version
    or (version == old.version and old.live and nonce < old.nonce)
  if not wins then return end
  set(id, { live = true, version = version, nonce = nonce, a = tonumber(a), b = tonumber(b),
    page = page, json = json, size = #json })
  done[#done + 1] = '{"put":' .. json .. '}'
end

function apply.del(id, version, _, _, _, _, json)
  local old = look(id)
  if old and (version < old.version or (not old.live and version == old.version)) then return end
  local was_live = old and old.live
  set(id, { live = false, version = version })
  if was_live then done[#done + 1] = json end
end

function apply.clear(_, _, _, _, _, page, json)
  local all = redis.call('HGETALL', ELEMENTS)
  for i = 1, #all, 2 do
    if seen[all[i]] == nil then seen[all[i]] = read(all[i + 1]) end
  end
  local gone_now = {}
  for id, element in pairs(seen) do
    if element and element.live and (page == '' or page == element.page) then
      gone_now[#gone_now + 1] = id
    end
  end
  for _, id in ipairs(gone_now) do set(id, { live = false, version = seen[id].version }) end
  if #gone_now > 0 then done[#done + 1] = json end
end

for i = 1, tonumber(ARGV[5]) do
  local at = 5 + (i - 1) * 8
  apply[ARGV[at + 1]](ARGV[at + 2], tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), ARGV[at + 5],
    ARGV[at + 6], ARGV[at + 7], ARGV[at + 8])
end
if count > MAX_ELEMENTS then
  return redis.error_reply('too_large a board has at most ' .. MAX_ELEMENTS .. ' elements')
end
if bytes > MAX_BYTES then
  return redis.error_reply('too_large a board has at most 32 MiB of elements')
end

-- Drop what is older than the last KEEP entries; values begin with the number of their draw.
local function compact(key)
  if redis.call('HLEN', key) <= 2 * KEEP then return end
  local all, numbers, old = redis.call('HGETALL', key), {}, {}
  for i = 1, #all, 2 do numbers[#numbers + 1] = tonumber(string.match(all[i + 1], '^%d+')) end
  local sorted = {}
  for i = 1, #numbers do sorted[i] = numbers[i] end
  table.sort(sorted)
  local from = sorted[#sorted - KEEP + 1]
  for i = 1, #numbers do
    if numbers[i] < from then old[#old + 1] = all[2 * i - 1] end
    if #old == 1000 then
      redis.call('HDEL', key, unpack(old))
      old = {}
    end
  end
  if #old > 0 then redis.call('HDEL', key, unpack(old)) end
end

local draw = redis.call('HINCRBY', ROOM, 'draws', 1)
for id, element in pairs(changed) do
  if element.live then
    redis.call('HSET', ELEMENTS, id, ms(element.version) .. ':' .. ms(element.nonce) .. ':'
      .. ms(element.a) .. ':' .. ms(element.b) .. ':' .. element.page .. ':' .. element.json)
    redis.call('HDEL', REMOVED, id)
  else
    redis.call('HDEL', ELEMENTS, id)
    redis.call('HSET', REMOVED, id, ms(draw) .. ':' .. ms(element.version))
  end
end
local hash = string.format('%08x%08x', hash_a, hash_b)
local rev = tonumber(get('rev') or '0')
if #done > 0 then
  rev = redis.call('HINCRBY', ROOM, 'rev', 1)
  if get('boardKind') ~= 'elements' then
    redis.call('HDEL', ROOM, 'whiteboardObjects')
    redis.call('HSET', ROOM, 'boardKind', 'elements')
  end
  redis.call('HSET', ROOM, 'elements', ms(count), 'elementBytes', ms(bytes), 'boardHash', hash)
  append('drawn', '{"rev":' .. ms(rev) .. ',"hash":"' .. hash .. '","ops":['
    .. table.concat(done, ',') .. ']}', 'room')
end
redis.call('HSET', DRAWS, ARGV[4], ms(draw) .. ':' .. ms(rev) .. ':' .. hash)
compact(DRAWS)
compact(REMOVED)
touch()
return { rev, hash, 1 }
