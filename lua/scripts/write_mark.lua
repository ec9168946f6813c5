#!lua flags=allow-oom
-- Writes how far this Redis knows booking.events, while it is trusted: one that has forgotten something must not say that it knows it.
--
-- KEYS   1 trusted  2 mark
-- ARGV   1 mark
-- Reply  1 when written, else 0

local trusted = redis.call('GET', KEYS[1])
if not trusted or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= trusted then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
return 1
