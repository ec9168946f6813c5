#!lua flags=allow-oom
-- Ends a booking, giving its seats and the user's allowance back: a hold by cancel or expiry, a sale by refund. Run twice it says the same again.
-- After booking.lua.
--
-- KEYS   1 hold
-- ARGV   1 shard  2 booking id  3 traceparent  4 new status (cancelled, expired, refunded)  5 by (operation, payment or refund id, or '')
--        6 reason (or '': then a cancel is the user's)  7 kept when finished (ms)
-- Reply  { outcome, … }

if not hold.status then
  redis.call('ZREM', dueKey, ARGV[2])
  return { 'missing' }
end
-- Of a booking that was put back after a loss ('*') nobody knows who ended it.
if hold.status == ARGV[4] and ARGV[5] ~= '' and (hold.by == ARGV[5] or hold.by == '*') then return { 'released_before', hold.version } end
if hold.status ~= (ARGV[4] == 'refunded' and 'confirmed' or 'reserved') then
  if hold.status ~= 'reserved' then redis.call('ZREM', dueKey, ARGV[2]) end
  return { 'wrong_state', hold.status }
end
if ARGV[4] == 'expired' and tonumber(hold.due) > now then return { 'not_due', hold.due } end
local isUsers = ARGV[4] == 'cancelled' and ARGV[6] == ''
-- Money may be moving; whoever wants the booking ended all the same (the clock, the organiser) sees to its return.
if isUsers and hold.paystate == 'open' then return { 'payment_open' } end
local zone = readZone()
if not zone then return { 'zone_missing' } end

moveSeats(zone, ARGV[4] == 'refunded' and 'sold' or 'held', 'available', 'f')
-- The user's counts end with the last of their shows.
local userKey, tickets = 'user:' .. tag .. ':' .. hold.user, 'n:' .. member('event_id')
if redis.call('HEXISTS', userKey, tickets) == 1 then redis.call('HINCRBY', userKey, tickets, '-' .. number('quantity')) end
redis.call('ZREM', dueKey, ARGV[2])
local changes = { status = ARGV[4], by = ARGV[5] }
if ARGV[6] ~= '' then changes.reason = ARGV[6] end
local actor = isUsers and '"user"' .. (ARGV[5] ~= '' and ',"operation_id":"' .. ARGV[5] .. '"' or '') or '"system"'
local entry, value = step(changes, ARGV[4], actor, zone)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return { 'released', hold.version, entry, value }
