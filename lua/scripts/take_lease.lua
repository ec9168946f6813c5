#!lua flags=allow-oom
-- Takes a lease, or prolongs one's own.
--
-- KEYS   1 lease
-- ARGV   1 owner  2 length (ms)
-- Reply  1 when the caller has it, else 0

local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
