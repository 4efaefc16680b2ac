-- Gives a key back that has no answer. What was published once stays published.
local known = redis.call('GET', KEYS[1])
if known and known:sub(1, 1) ~= 'a' then
  local published = ARGV[1] == '1' and '1' or known:sub(2, 2)
  redis.call('SET', KEYS[1], 'g' .. published .. known:sub(3), 'KEEPTTL')
end
return 1
