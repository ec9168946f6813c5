#!lua
-- Begins a payment of a hold: one at a time, and the hold lasts long enough for it. Run twice it says the same again. After booking.lua.
--
-- KEYS   1 hold  2 payment  3 operation (the hold again when there is none)  4 idempotency (the hold again when no key was given)
-- ARGV   1 shard  2 booking id  3 traceparent  4 payment id  5 user id  6 method  7 gateway's token (or '')  8 operation id (or '')
--        9 operation type  10 resource  11 body hash  12 idempotency and operation kept (ms)  13 '1' when an Idempotency-Key was given
--        14 outbox limit (entries)  15 payment kept (ms)  16 least time left (ms)  17 most time after the reserve (ms)
--        18 time after the reserve for a bank transfer (ms)  19 declines allowed
-- Reply  { outcome, … }

local payment = ARGV[4]
if ARGV[13] == '1' then
  local first = redis.call('GET', KEYS[4])
  if first then
    if string.sub(first, 1, #ARGV[11]) ~= ARGV[11] then return { 'key_reused' } end
    return { 'replayed', string.match(string.sub(first, #ARGV[11] + 2), '^([^|]*)|(.*)$') }
  end
end
local known = redis.call('HMGET', KEYS[2], 'booking', 'user', 'operation')
if known[1] == ARGV[2] and known[2] == ARGV[5] then return { 'replayed', payment, known[3] or '' } end

if not hold.status then return { 'missing' } end
if hold.user ~= ARGV[5] then return { 'not_yours' } end
if hold.pay == payment then return { 'replayed', payment, ARGV[8] } end
if hold.status == 'expired' or (hold.status == 'reserved' and tonumber(hold.due) <= now) then return { 'expired' } end
if hold.status ~= 'reserved' then return { 'wrong_state', hold.status } end
if hold.paystate == 'open' then return { 'open', hold.pay } end
if tonumber(hold.tries or 0) >= tonumber(ARGV[19]) then return { 'declined_too_often' } end
local zone = readZone()
if not zone then return { 'zone_missing' } end
local isBank = ARGV[6] == 'bank_transfer'
if isBank and zone.bank ~= '1' then return { 'method_not_allowed' } end
if redis.call('XLEN', outboxKey) + 2 > tonumber(ARGV[14]) then return { 'outbox_full' } end

local created = tonumber(number('created_at_ms'))
local wanted = isBank and created + tonumber(ARGV[18]) or math.min(now + tonumber(ARGV[16]), created + tonumber(ARGV[17]))
local due = whole(math.max(tonumber(hold.due), wanted))
local event, tenant, amount, currency = member('event_id'), member('tenant_id'), number('total_minor'), member('currency')
local operation = ARGV[8] ~= '' and ',"operation_id":"' .. ARGV[8] .. '"' or ''
local charge = '{"payment_id":"' .. payment .. '","booking_id":"' .. ARGV[2] .. '","event_id":"' .. event .. '","user_id":"' .. hold.user
  .. '","tenant_id":"' .. tenant .. '","method":"' .. ARGV[6] .. '","amount_minor":' .. amount .. ',"currency":"' .. currency
  .. '","status":"pending","version":1,"refunded_minor":0,"created_at_ms":' .. nowText .. ',"updated_at_ms":' .. nowText .. operation .. '}'

redis.call('HSET', KEYS[2], 'booking', ARGV[2], 'event', event, 'user', hold.user, 'tenant', tenant, 'status', 'pending', 'version', 1, 'amount', amount,
  'currency', currency, 'method', ARGV[6], 'refunded', 0, 'created', nowText, 'updated', nowText, 'operation', ARGV[8])
if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], 'token', ARGV[7]) end
redis.call('PEXPIRE', KEYS[2], ARGV[15])
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[3], 'user', hold.user, 'type', ARGV[9], 'resource', ARGV[10], 'status', 'pending', 'version', 1)
  redis.call('PEXPIRE', KEYS[3], ARGV[12])
end
if ARGV[13] == '1' then redis.call('SET', KEYS[4], ARGV[11] .. '|' .. payment .. '|' .. ARGV[8], 'PX', ARGV[12]) end
redis.call('ZADD', dueKey, due, ARGV[2])
local entry, value = step({ pay = payment, paystate = 'open', due = due }, 'updated', '"user"' .. operation, zone)
local order = redis.call('XADD', outboxKey, '*', 'type', 'payment.charge.v1', 'key', ARGV[2], 'version', payment, 'trace', ARGV[3], 'value', charge)
return { 'begun', hold.version, entry, value, order, charge }
