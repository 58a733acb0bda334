-- Make the stored answer of a window final and move the source's final_through_ms forward. Idempotent.
--
-- KEYS 1 detection (hash)   2 final_through_ms (string)   3 fence (hash)
-- ARGV 1 fencing token      2 writes acknowledged under it   3 sealed_by   4 end_ms
--      5 lifetime of final_through_ms, milliseconds
-- Returns {"final", writes under this fence, JSON stored now}; {"absent", writes} without such a detection; {"fenced"}
-- when the token is not the one in force, or when the store holds fewer writes than it has acknowledged: it went back.

local fence = redis.call('HMGET', KEYS[3], 'token', 'writes')
if fence[1] ~= ARGV[1] or tonumber(fence[2]) < tonumber(ARGV[2]) then
  return {'fenced'}
end

local stored = redis.call('HMGET', KEYS[1], 'final', 'revision', 'stored_ms', 'head_bytes', 'body')
local body = stored[5]
if not body then
  return {'absent', fence[2]}
end
if stored[1] ~= '1' then
  local head = string.format('{"revision":%s,"final":true,"sealed_by":"%s","stored_ms":%s,',
    stored[2], ARGV[3], stored[3])
  body = head .. string.sub(body, stored[4] + 1)
  redis.call('HSET', KEYS[1], 'final', '1', 'sealed_by', ARGV[3], 'body', body)
end
local through = redis.call('GET', KEYS[2])
if not through or tonumber(through) < tonumber(ARGV[4]) then
  through = ARGV[4]
end
redis.call('SET', KEYS[2], through, 'PX', ARGV[5])
return {'final', redis.call('HINCRBY', KEYS[3], 'writes', 1), body}
