-- Give out a new fencing token for a partition number; every earlier one is refused from now on.
--
-- KEYS 1 token (string)
-- Returns the token. It starts from the server's clock, not from 1, so that a token given out by a store that has
-- since lost its state is not given out again.

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local token = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, now_ms)
redis.call('SET', KEYS[1], string.format('%.0f', token))
return token
