-- The generic cell rate algorithm. A key is known by the moment its quota is whole again.
-- Times are in microseconds. Answers whether one was taken, and how long until the quota is whole.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
local whole_at = tonumber(redis.call('GET', KEYS[1]) or now)
-- A clock that was set back, or a quota that was made smaller, locks nobody out for longer.
local debt = math.min(math.max(whole_at - now, 0), whole)
if debt + step > whole then
  return {0, debt}
end
debt = debt + step
redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
return {1, debt}
