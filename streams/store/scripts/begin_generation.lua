-- Declare the store whole from here on, with positions to read from; only a store without a generation mark.
--
-- KEYS 1 generation (string)   2... position (hash) of each partition number
-- ARGV 1 the mark              2 version of the layout   3... next offsets, JSON, of each; empty: from the beginning
-- Returns the mark that is in force: another one when the store has one already; nothing is changed then.

local stored = redis.call('GET', KEYS[1])
if stored then
  return stored
end
for i = 2, #KEYS do
  redis.call('DEL', KEYS[i])
  if ARGV[i + 1] ~= '' then
    redis.call('HSET', KEYS[i], 'next_offsets', ARGV[i + 1], 'version', ARGV[2])
  end
end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
