-- Store one revision of a window, unless what is stored is final, the same, or covers more. It is the same when it holds
-- the same items and knows of no more that went to the dead letters.
--
-- KEYS 1 detection (hash)   2 timeline (sorted set)   3 expiry (sorted set)   4 sources (sorted set)   5 fence (hash)
-- ARGV 1 fencing token      2 writes acknowledged under it
--      3 digest of the items   4 window, "start_ms/size_ms"   5 start_ms   6 source id   7 stored_ms   8 retention_ms
--      9 the detection's JSON without its opening brace and without revision, final, sealed_by and stored_ms
--      10 how many of the window's items are in the dead letters
--      11 features to be learned from, empty without any
--      12... coverage counters as pairs of field, value; each may grow or stay, but not shrink
-- Returns {status, writes under this fence, JSON stored now}; only {"fenced"} when the token is not the one in force,
-- or when the store holds fewer writes than it has acknowledged: it went back.

local SWEEP_LIMIT = 16

local fence = redis.call('HMGET', KEYS[5], 'token', 'writes')
if fence[1] ~= ARGV[1] or tonumber(fence[2]) < tonumber(ARGV[2]) then
  return {'fenced'}
end

local revision = 0
local stored = redis.call('HMGET', KEYS[1], 'digest', 'final', 'revision', 'body', 'dead_letters')
if stored[1] then
  if stored[2] == '1' then
    return {'final', fence[2], stored[4]}
  end
  if stored[1] == ARGV[3] and tonumber(ARGV[10]) <= tonumber(stored[5]) then
    return {'same', fence[2], stored[4]}
  end
  for i = 12, #ARGV, 2 do
    if tonumber(ARGV[i + 1]) < tonumber(redis.call('HGET', KEYS[1], ARGV[i])) then
      return {'smaller', fence[2], stored[4]}
    end
  end
  revision = tonumber(stored[3]) + 1
end

-- finalise.lua replaces this head, so its length is kept beside the body.
local head = string.format('{"revision":%d,"final":false,"sealed_by":null,"stored_ms":%s,', revision, ARGV[7])
local body = head .. ARGV[9]
redis.call('HSET', KEYS[1], 'digest', ARGV[3], 'revision', revision, 'final', '0', 'stored_ms', ARGV[7],
  'head_bytes', #head, 'body', body, 'dead_letters', ARGV[10], unpack(ARGV, 12))
if ARGV[11] ~= '' then
  redis.call('HSET', KEYS[1], 'features', ARGV[11])
else
  redis.call('HDEL', KEYS[1], 'features')
end
redis.call('PEXPIRE', KEYS[1], ARGV[8])

-- Expiry goes by the server's clock, as the hash's own does; the indexes live as long as their longest-lived member.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local retention_ms = tonumber(ARGV[8])
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[4])
redis.call('ZADD', KEYS[3], string.format('%.0f', now_ms + retention_ms), ARGV[4])
redis.call('ZADD', KEYS[4], string.format('%.0f', now_ms), ARGV[6])
for i = 2, 3 do
  if redis.call('PTTL', KEYS[i]) < retention_ms then
    redis.call('PEXPIRE', KEYS[i], ARGV[8])
  end
end

local expired = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now_ms), 'LIMIT', 0, SWEEP_LIMIT)
if #expired > 0 then
  redis.call('ZREM', KEYS[2], unpack(expired))
  redis.call('ZREM', KEYS[3], unpack(expired))
end
local vanished = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', now_ms - retention_ms),
  'LIMIT', 0, SWEEP_LIMIT)
if #vanished > 0 then
  redis.call('ZREM', KEYS[4], unpack(vanished))
end
return {'stored', redis.call('HINCRBY', KEYS[5], 'writes', 1), body}
