-- Compare-and-set of a partition number's position. Idempotent: a move that is stored already has succeeded.
--
-- KEYS 1 position (string)   2 token (string)
-- ARGV 1 fencing token       2 SHA-1 in hex of the position expected, empty when there should be none
--      3 the new position
-- Returns "moved", "conflict" or "fenced".

if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 'fenced'
end
local stored = redis.call('GET', KEYS[1])
if stored == ARGV[3] then
  return 'moved'
end
if (stored and redis.sha1hex(stored) or '') ~= ARGV[2] then
  return 'conflict'
end
redis.call('SET', KEYS[1], ARGV[3])
return 'moved'
