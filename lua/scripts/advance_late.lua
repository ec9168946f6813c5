#!lua flags=allow-oom
-- Notes how far the events of after a recovery have been looked through, unless that was changed meanwhile, by another or by a new recovery.
--
-- KEYS   1 late
-- ARGV   1 what was read, empty when there was nothing  2 what it becomes
-- Reply  1 when written, else 0

if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
