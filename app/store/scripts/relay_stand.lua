-- prelude: room
-- Where a relay stands in the tree of a room's relays; written anew with every call, by the relay.
-- ARGV: node, peers there, ms that this is good for, relays fed by one at most, a relay to avoid,
-- its region ('' for none)
-- → {'gone'}, {'none'} (the room has no first relay now), {'root'}, or {'leaf', upper, depth}
if missing() then return { 'gone' } end
local node, avoid, most, region = ARGV[1], ARGV[5], tonumber(ARGV[4]), ARGV[6]
local root = get('relay') or ''
local known, fed = {}, {}
local all = redis.call('HGETALL', RELAYS)
for i = 1, #all, 2 do
  local upper, depth, deadline, where =
    string.match(all[i + 1], '^([^|]*)|(%d+)|%d+|(%d+)|?(.*)$')
  if upper and tonumber(deadline) > NOW then
    known[all[i]] = { upper = upper, depth = tonumber(depth), region = where }
    if all[i] ~= node then fed[upper] = (fed[upper] or 0) + 1 end
  elseif string.sub(all[i], 1, 1) ~= '!' then
    redis.call('HDEL', RELAYS, all[i], '!' .. all[i])
  end
end
-- One below another only where that is below the first: whatever happens at once, no circle.
local function may_feed(upper)
  if upper == avoid and upper ~= root then return false end
  if upper == root then return true end
  return known[upper] and known[upper].depth == 1 and known[upper].upper == root
end
-- How good a feeder is, the less the better: of our region, else of the first relay's (a way there
-- and back costs twice), and with the fewest others to feed.
local first_region = known[root] and known[root].region or ''
local function rank(upper)
  local where = known[upper].region
  local far = where == region and 0 or where == first_region and 1 or 2
  return far * 1000000 + (fed[upper] or 0)
end
local upper, depth = '', 0
local own = known[node]
if root ~= '' and node ~= root then
  if own and own.upper ~= '' and may_feed(own.upper) then
    upper = own.upper
  else
    upper = root
    if (fed[root] or 0) >= most then
      for name, _ in pairs(known) do
        local is_free = name ~= node and name ~= root and (fed[name] or 0) < most
        if is_free and may_feed(name) and (upper == root or rank(name) < rank(upper)) then
          upper = name
        end
      end
    end
    -- Whoever feeds others stays where it can.
    if upper ~= root and (fed[node] or 0) > 0 then upper = root end
  end
  depth = upper == root and 1 or 2
end
redis.call('HSET', RELAYS, node,
  upper .. '|' .. depth .. '|' .. ARGV[2] .. '|' .. ms(NOW + tonumber(ARGV[3])) .. '|' .. region)
redis.call('PEXPIRE', RELAYS, TTL)
if root == '' then return { 'none' } end
if node == root then return { 'root' } end
return { 'leaf', upper, depth }
