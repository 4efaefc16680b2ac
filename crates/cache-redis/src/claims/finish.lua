-- Keeps the answer under a key, where the key is still known.
local known = redis.call('GET', KEYS[1])
if known then
  redis.call('SET', KEYS[1], 'a' .. known:sub(2, 64) .. ARGV[1], 'KEEPTTL')
end
return 1
