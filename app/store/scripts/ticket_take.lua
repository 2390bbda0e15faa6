-- Take what a ticket admits to, and with it the ticket: of any number of callers one gets it.
-- KEYS: the ticket → JSON, or nothing
return redis.call('GETDEL', KEYS[1])
