-- Revise a final answer, which stays final: what a replay of dead letters does, and nothing else. Takes no fence: a
-- window that is final belongs to no worker any more.
--
-- KEYS 1 detection (hash)   2 timeline (sorted set)   3 expiry (sorted set)   4 sources (sorted set)
--      5 final_through_ms (string)
-- ARGV 1 digest of the items   2 digest of the stored answer that this one was made from, empty when there was none
--      3 window, "start_ms/size_ms"   4 start_ms   5 end_ms   6 source id   7 stored_ms   8 retention_ms
--      9 the detection's JSON without its opening brace and without revision, final, sealed_by and stored_ms
--      10... coverage counters as pairs of field, value; each may grow or stay, but not shrink
-- Returns {status, JSON stored now}; only {"open"} for a window that is not final and holds no answer.

local revision, sealed_by = 0, 'watermark'
local stored = redis.call('HMGET', KEYS[1], 'digest', 'final', 'revision', 'sealed_by', 'body')
if stored[1] then
  if stored[2] ~= '1' then
    return {'open', stored[5]}
  end
  if stored[1] == ARGV[1] then
    return {'same', stored[5]}
  end
  if stored[1] ~= ARGV[2] then
    return {'changed', stored[5]}
  end
  for i = 10, #ARGV, 2 do
    if tonumber(ARGV[i + 1]) < tonumber(redis.call('HGET', KEYS[1], ARGV[i])) then
      return {'smaller', stored[5]}
    end
  end
  revision, sealed_by = tonumber(stored[3]) + 1, stored[4]
else
  local through = redis.call('GET', KEYS[5])
  if not through or tonumber(through) < tonumber(ARGV[5]) then
    return {'open'}
  end
  if ARGV[2] ~= '' then
    return {'changed'}
  end
end

local head = string.format('{"revision":%d,"final":true,"sealed_by":"%s","stored_ms":%s,', revision, sealed_by, ARGV[7])
local body = head .. ARGV[9]
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'revision', revision, 'final', '1', 'sealed_by', sealed_by,
  'stored_ms', ARGV[7], 'head_bytes', #head, 'body', body, unpack(ARGV, 10))
redis.call('PEXPIRE', KEYS[1], ARGV[8])

-- As put.lua keeps the indexes; what has expired is left for it to sweep.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local retention_ms = tonumber(ARGV[8])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
redis.call('ZADD', KEYS[3], string.format('%.0f', now_ms + retention_ms), ARGV[3])
redis.call('ZADD', KEYS[4], string.format('%.0f', now_ms), ARGV[6])
for i = 2, 3 do
  if redis.call('PTTL', KEYS[i]) < retention_ms then
    redis.call('PEXPIRE', KEYS[i], ARGV[8])
  end
end
return {'stored', body}
