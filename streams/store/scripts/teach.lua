-- Keep what a person said of a window as a lesson for the source's baseline, in place of what was said before. Idempotent.
--
-- KEYS 1 lessons (hash)   2 baseline_changes (sorted set)
-- ARGV 1 window, "start_ms/size_ms"   2 "normal" or "anomalous"   3 whether it is taken back: 1 or 0
--      4 the lesson, JSON without its opening brace and without revision   5 features of the window   6 source id
--      7 lifetime_ms   8 how many lessons may be in force
-- Returns {"taught"}, {"absent"} when there is nothing to be taken back, or {"full"}.
-- A lesson that was taken back is kept among the others, so that the owner of the source hears of it, until as many are
-- as may be in force.

local SWEEP_LIMIT, REMEMBERED_MS = 16, 86400000

local lesson = redis.call('HMGET', KEYS[1], 'is:' .. ARGV[1], 'back:' .. ARGV[1])
if ARGV[3] == '1' and lesson[1] ~= ARGV[2] then
  return {'absent'}
end
if lesson[1] == ARGV[2] and lesson[2] == ARGV[3] then
  return {'taught'}
end

local in_force, taken_back = 0, {}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 5) == 'back:' and string.sub(fields[i], 6) ~= ARGV[1] then
    if fields[i + 1] == '1' then
      taken_back[#taken_back + 1] = string.sub(fields[i], 6)
    else
      in_force = in_force + 1
    end
  end
end
if ARGV[3] == '0' and in_force >= tonumber(ARGV[8]) then
  return {'full'}
end
local revision_of = function(member)
  return tonumber(redis.call('HGET', KEYS[1], 'revision:' .. member))
end
table.sort(taken_back, function(a, b) return revision_of(a) < revision_of(b) end)
for i = 1, #taken_back - tonumber(ARGV[8]) do
  for _, name in ipairs({'is:', 'back:', 'revision:', 'lesson:', 'features:'}) do
    redis.call('HDEL', KEYS[1], name .. taken_back[i])
  end
end

-- By the clock, so that one given out after the lessons have expired is larger than any that was known before.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local before = tonumber(redis.call('HGET', KEYS[1], 'revision') or '0')
local revision = string.format('%.0f', math.max(before + 1, now_ms))
redis.call('HSET', KEYS[1], 'revision', revision)
redis.call('HSET', KEYS[1], 'is:' .. ARGV[1], ARGV[2], 'back:' .. ARGV[1], ARGV[3], 'revision:' .. ARGV[1], revision,
  'lesson:' .. ARGV[1], string.format('{"revision":%s,', revision) .. ARGV[4])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'features:' .. ARGV[1], ARGV[5])
end
redis.call('PEXPIRE', KEYS[1], ARGV[7])

redis.call('ZADD', KEYS[2], string.format('%.0f', now_ms), ARGV[6])
local heard = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now_ms - REMEMBERED_MS),
  'LIMIT', 0, SWEEP_LIMIT)
if #heard > 0 then
  redis.call('ZREM', KEYS[2], unpack(heard))
end
return {'taught'}
