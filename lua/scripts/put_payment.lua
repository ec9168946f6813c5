#!lua flags=allow-oom
-- Writes how a payment stands, for those who read it from Redis; an older state changes nothing. After payment.lua.
--
-- KEYS   1 payment
-- ARGV   1 kept (ms)  2 version  3 status  then field, value, …
-- Reply  1 when written, 0 when what is there is as new

return putPayment(KEYS[1], ARGV[1], ARGV[2], ARGV[3], 4)
