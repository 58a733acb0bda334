-- Replace what was learned of a source, as a person wants it. Idempotent. Takes no fence: the owner of the source hears
-- of it by the epoch, and reads again.
--
-- KEYS 1 baseline (hash)   2 baseline_changes (sorted set)   3 lessons (hash)
-- ARGV 1 the epoch expected    2 what is expected about it, JSON, empty when there should be none
--      3 about the new one, JSON   4 its state, empty for nothing learned   5 source id   6 lifetime_ms
--      7 whether the lessons are dropped, too: 1 or 0
-- Returns "replaced"; "changed" when something else than expected is stored.

local SWEEP_LIMIT, REMEMBERED_MS = 16, 86400000

local stored = redis.call('HMGET', KEYS[1], 'epoch', 'about', 'state')
local epoch, next_epoch = stored[1] or '0', string.format('%.0f', ARGV[1] + 1)
local is_done = epoch == next_epoch and stored[2] == ARGV[3] and stored[3] == ARGV[4]
if not is_done and (epoch ~= ARGV[1] or (stored[2] or '') ~= ARGV[2]) then
  return 'changed'
end
redis.call('HSET', KEYS[1], 'epoch', next_epoch, 'about', ARGV[3], 'state', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
if ARGV[7] == '1' then
  redis.call('DEL', KEYS[3])
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[2], string.format('%.0f', now_ms), ARGV[5])
local heard = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now_ms - REMEMBERED_MS),
  'LIMIT', 0, SWEEP_LIMIT)
if #heard > 0 then
  redis.call('ZREM', KEYS[2], unpack(heard))
end
return 'replaced'
