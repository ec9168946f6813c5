#!lua flags=allow-oom
-- Ends a recovery of one shard: the epoch of what comes from now on, the mark up to which this Redis knows everything, and the word that it is trusted.
--
-- KEYS   1 lease  2 trusted  3 mark  4 epoch
-- ARGV   1 owner of the lease  2 run_id of the Redis that was recovered  3 mark  4 epoch, at least (0: none)
-- Reply  1 when done; 0 when the lease is another's, or this Redis is another: then it was lost again meanwhile

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= ARGV[2] then return 0 end
local epoch = tonumber(redis.call('GET', KEYS[4]) or 0)
if tonumber(ARGV[4]) > epoch then redis.call('SET', KEYS[4], ARGV[4]) end
if ARGV[3] ~= '' then redis.call('SET', KEYS[3], ARGV[3]) end
redis.call('SET', KEYS[2], ARGV[2])
return 1
