-- Keep what was learned of a source, and drop the features that it was learned from. Idempotent.
--
-- KEYS 1 baseline (hash)   2 fence (hash)   3... detections (hashes) whose features are learned
-- ARGV 1 fencing token     2 writes acknowledged under it
--      3 the epoch expected: which import or reset it goes on from   4 about it, JSON   5 the state   6 lifetime_ms
-- Returns {"written", writes under this fence}; {"changed", writes} when a person has replaced the baseline meanwhile;
-- {"fenced"} when the token is not the one in force, or when the store holds fewer writes than it has acknowledged.

local fence = redis.call('HMGET', KEYS[2], 'token', 'writes')
if fence[1] ~= ARGV[1] or tonumber(fence[2]) < tonumber(ARGV[2]) then
  return {'fenced'}
end
if (redis.call('HGET', KEYS[1], 'epoch') or '0') ~= ARGV[3] then
  return {'changed', fence[2]}
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'about', ARGV[4], 'state', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
for i = 3, #KEYS do
  redis.call('HDEL', KEYS[i], 'features')
end
return {'written', redis.call('HINCRBY', KEYS[2], 'writes', 1)}
