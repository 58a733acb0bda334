-- Give out a new fencing token for a partition number; every earlier one is refused from now on.
--
-- KEYS 1 fence (hash)
-- Returns the token. It starts from the server's clock, not from 1, so that a token given out by a store that has
-- since lost its state is not given out again.

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local token = math.max(tonumber(redis.call('HGET', KEYS[1], 'token') or '0') + 1, now_ms)
redis.call('HSET', KEYS[1], 'token', string.format('%.0f', token), 'writes', 0)
return token
