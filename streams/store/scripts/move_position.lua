-- Compare-and-set of a partition number's position. Idempotent: a move that is stored already has succeeded.
--
-- KEYS 1 position (hash)    2 fence (hash)
-- ARGV 1 fencing token      2 writes acknowledged under it
--      3 the next offsets expected, JSON, empty when there should be none   4 the new ones   5 version of the layout
--      6 how many watermarks follow, as pairs of field, JSON; after them the fields that are forgotten
-- Returns {"moved", writes under this fence}; {"conflict", writes} when other offsets than expected are stored;
-- {"fenced"} when the token is not the one in force, or when the store holds fewer writes than it has acknowledged.

local fence = redis.call('HMGET', KEYS[2], 'token', 'writes')
if fence[1] ~= ARGV[1] or tonumber(fence[2]) < tonumber(ARGV[2]) then
  return {'fenced'}
end
local stored = redis.call('HGET', KEYS[1], 'next_offsets') or ''
if stored ~= ARGV[3] and stored ~= ARGV[4] then
  return {'conflict', fence[2]}
end
redis.call('HSET', KEYS[1], 'next_offsets', ARGV[4], 'version', ARGV[5])
local first_forgotten = 7 + 2 * ARGV[6]
for i = 7, first_forgotten - 1, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
for i = first_forgotten, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
end
return {'moved', redis.call('HINCRBY', KEYS[2], 'writes', 1)}
