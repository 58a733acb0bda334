-- Make the stored answer of a window final and move the source's final_through_ms forward. Idempotent.
--
-- KEYS 1 detection (hash)   2 final_through_ms (string)   3 token (string)
-- ARGV 1 fencing token      2 sealed_by                   3 end_ms   4 lifetime of final_through_ms, milliseconds
-- Returns {"final", JSON stored now}; {"absent"} without such a detection; {"fenced"} when the token is not in force.

if redis.call('GET', KEYS[3]) ~= ARGV[1] then
  return {'fenced'}
end

local stored = redis.call('HMGET', KEYS[1], 'final', 'revision', 'stored_ms', 'head_bytes', 'body')
local body = stored[5]
if not body then
  return {'absent'}
end
if stored[1] ~= '1' then
  local head = string.format('{"revision":%s,"final":true,"sealed_by":"%s","stored_ms":%s,',
    stored[2], ARGV[2], stored[3])
  body = head .. string.sub(body, stored[4] + 1)
  redis.call('HSET', KEYS[1], 'final', '1', 'sealed_by', ARGV[2], 'body', body)
end
local through = redis.call('GET', KEYS[2])
if not through or tonumber(through) < tonumber(ARGV[3]) then
  through = ARGV[3]
end
redis.call('SET', KEYS[2], through, 'PX', ARGV[4])
return {'final', body}
