#!lua flags=allow-oom
-- Writes how an operation ended, when its record is still there; its time to live stays.
--
-- KEYS   1 operation
-- ARGV   1 status  2 version  3 error code (or '')  4 error message (or '')
-- Reply  1 when written, 0 when there is no record

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[1], 'version', ARGV[2], 'error_code', ARGV[3], 'error_message', ARGV[4])
return 1
