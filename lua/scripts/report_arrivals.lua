-- Counts reserves of an event by the second in which they were told of, for the automatic mode of its line.
--
-- KEYS   1 queue
-- ARGV   1 shard  2 event id  3 ''  4 number
-- Reply  1 when counted, 0 when no such event is on sale here

local suffix = '{' .. ARGV[1] .. '}:' .. ARGV[2]
if redis.call('EXISTS', 'zones:' .. suffix) == 0 then return 0 end
local second = redis.call('TIME')[1]
local key = 'arrivals:' .. suffix
redis.call('HINCRBY', key, second, ARGV[4])
redis.call('HDEL', key, string.format('%d', second - 10))
redis.call('PEXPIRE', key, '15000')
redis.call('SADD', 'queues:{' .. ARGV[1] .. '}', ARGV[2])
return 1
