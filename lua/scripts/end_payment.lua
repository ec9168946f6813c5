#!lua flags=allow-oom
-- Ends the payment of a hold without a seat for it: failed, timeout, or refunded when its money came too late. Run twice it says the same again.
-- After booking.lua and payment.lua.
--
-- KEYS   1 hold  2 payment
-- ARGV   1 shard  2 booking id  3 traceparent  4 payment id  5 reason (or '')  6 payment kept (ms)  7 payment's version  8 payment's status
--        then its other fields: field, value, …
-- Reply  { outcome, … }

if not hold.status then return { 'missing' } end
if hold.pay ~= ARGV[4] or hold.paystate == 'success' then return { 'other_payment' } end
-- What was called off may still turn out to have been captured; everything else is said once.
if hold.paystate ~= 'open' and (ARGV[8] ~= 'refunded' or hold.paystate == 'refunded') then return { 'ended_before', hold.tries or '0', hold.status } end
local zone = readZone()
if not zone then return { 'zone_missing' } end

local changes = { paystate = ARGV[8] }
if ARGV[8] == 'failed' and hold.status == 'reserved' then changes.tries = whole(tonumber(hold.tries or 0) + 1) end
if ARGV[5] ~= '' and not hold.reason then changes.reason = ARGV[5] end
local entry, value = step(changes, 'updated', '"system"', zone)
putPayment(KEYS[2], ARGV[6], ARGV[7], ARGV[8], 9)
return { 'ended', hold.tries or '0', hold.status, hold.version, entry, value }
