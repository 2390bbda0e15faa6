-- What every script that knows the time shares; the first of its preludes. ARGV begins with the two
-- numbers of app/store/steady.py: what to add to Redis' date, and when the command was sent.
local DATE_SLACK = 2000 -- ms: longer than any caller waits for its answer
local clock = redis.call('TIME')
-- What is told to people, and kept: it follows whoever sets the server's date.
local DATE = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- What deadlines are counted in: it goes on evenly, whoever sets the date. Where the date jumped and
-- nobody knows yet, the sender's own clock counts.
local NOW = DATE + tonumber(table.remove(ARGV, 1))
local SENT = tonumber(table.remove(ARGV, 1))
if math.abs(NOW - SENT) > DATE_SLACK then NOW = SENT end
