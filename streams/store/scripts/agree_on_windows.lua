-- Compare-and-set of the window settings that a group's answers are made with. Idempotent.
--
-- KEYS 1 windows (string)
-- ARGV 1 the settings expected, JSON, empty when there should be none   2 the new ones, JSON
-- Returns the settings that are in force: other ones than the new ones when others than expected were stored.

local stored = redis.call('GET', KEYS[1])
if (stored or '') ~= ARGV[1] then
  return stored or ''
end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
