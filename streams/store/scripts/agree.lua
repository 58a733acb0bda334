-- Compare-and-set of a document that all workers of a group go by. Idempotent.
--
-- KEYS 1 the document (string)
-- ARGV 1 the document expected, JSON, empty when there should be none   2 the new one, JSON
-- Returns the document that is in force: another one than the new one when another than expected was stored.

local stored = redis.call('GET', KEYS[1])
if (stored or '') ~= ARGV[1] then
  return stored or ''
end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
