-- Keep a person's verdict on a stored window, in place of an earlier one. Idempotent but for when it expires.
--
-- KEYS 1 detection (hash)   2 verdicts (hash)   3 verdict_expiry (sorted set)   4 judged sources (sorted set)
-- ARGV 1 window, "start_ms/size_ms"   2 source id   3 the verdict, JSON   4 retention_ms
-- Returns "kept"; "absent" when neither an answer nor an earlier verdict of that window is stored.

local SWEEP_LIMIT = 16

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local now = string.format('%.0f', now_ms)
if redis.call('EXISTS', KEYS[1]) == 0 then
  local expires_ms = redis.call('ZSCORE', KEYS[3], ARGV[1])
  if not expires_ms or tonumber(expires_ms) <= now_ms then
    return 'absent'
  end
end

local expires = string.format('%.0f', now_ms + tonumber(ARGV[4]))
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[3], expires, ARGV[1])
redis.call('ZADD', KEYS[4], 'GT', expires, ARGV[2])
for i = 2, 4 do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[i], ARGV[4])
  end
end

local expired = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
if #expired > 0 then
  redis.call('HDEL', KEYS[2], unpack(expired))
  redis.call('ZREM', KEYS[3], unpack(expired))
end
local vanished = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, SWEEP_LIMIT)
if #vanished > 0 then
  redis.call('ZREM', KEYS[4], unpack(vanished))
end
return 'kept'
