-- The generic cell rate algorithm. A key is known by the moment its quota is whole again.
-- Times are in microseconds. Takes as many as are wanted, or as there are; answers how many that
-- was, and how long until the quota is whole.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step, whole, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local whole_at = tonumber(redis.call('GET', KEYS[1]) or now)
-- A clock that was set back, or a quota that was made smaller, locks nobody out for longer.
local debt = math.min(math.max(whole_at - now, 0), whole)
local taken = math.min(wanted, math.floor((whole - debt) / step))
if taken < 1 then
  return {0, debt}
end
debt = debt + taken * step
redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
return {taken, debt}
