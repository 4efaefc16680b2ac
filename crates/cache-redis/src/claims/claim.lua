-- Takes an idempotency key. What is kept: one letter for how it stands, which is (r)unning,
-- (g)iven back or (a)nswered; 1 when something may have been published, else 0; 32 bytes of the
-- content's fingerprint; when it was claimed first, and when last, in 15 digits of milliseconds;
-- and the answer.
-- Answers what was found, 0 held, 1 running, 2 other content, 3 answered; and the time when it was
-- claimed first, or the answer.
local content, now, lease, life = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local at = string.format('%015.0f', now)
local known = redis.call('GET', KEYS[1])
local is_same = known and known:sub(3, 34) == content
if not known or tonumber(known:sub(35, 49)) + life <= now
  or (not is_same and known:sub(1, 2) == 'g0') then
  redis.call('SET', KEYS[1], 'r0' .. content .. at .. at, 'PX', life)
  return {0, at}
end
if not is_same then
  return {2, ''}
end
local standing = known:sub(1, 1)
if standing == 'a' then
  return {3, known:sub(65)}
end
if standing == 'r' and now < tonumber(known:sub(50, 64)) + lease then
  return {1, ''}
end
redis.call('SET', KEYS[1], 'r' .. known:sub(2, 49) .. at, 'KEEPTTL')
return {0, known:sub(35, 49)}
