#!lua flags=allow-oom
-- Sells a hold's seats to the payment that is open for it. Run twice for the same payment it says the same again. After booking.lua and payment.lua.
--
-- KEYS   1 hold  2 payment
-- ARGV   1 shard  2 booking id  3 traceparent  4 payment id  5 booking kept after the show (ms)  6 payment kept (ms)  7 payment's version
--        8 payment's status  then its other fields: field, value, …
-- Reply  { outcome, … }
--
-- The hold's state decides, not the clock: one that is past due and not yet released is confirmed.

if not hold.status then
  redis.call('ZREM', dueKey, ARGV[2])
  return { 'missing' }
end
local isOurs = hold.pay == ARGV[4]
if isOurs and (hold.status == 'confirmed' or hold.status == 'refunded') then return { 'confirmed_before' } end
if hold.status ~= 'reserved' and hold.status ~= 'confirmed' then return { 'ended', hold.status } end
if not isOurs or hold.paystate ~= 'open' then return { 'other_payment', hold.pay or '' } end
local zone = readZone()
if not zone then return { 'zone_missing' } end
local gone = whole(math.max(tonumber(zone.ends), now) + tonumber(ARGV[5]))

moveSeats(zone, 'held', 'sold', 's')
redis.call('ZREM', dueKey, ARGV[2])
local entry, value = step({ status = 'confirmed', paystate = 'success', by = ARGV[4] }, 'confirmed', '"system"', zone)
redis.call('PEXPIREAT', KEYS[1], gone)
putPayment(KEYS[2], ARGV[6], ARGV[7], ARGV[8], 9)
return { 'confirmed', hold.version, entry, value }
