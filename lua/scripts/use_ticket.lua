-- Lets somebody in on one ticket of a sold booking, once for ever. Run twice for the same use it says the same again. After booking.lua.
--
-- KEYS   1 hold  2 idempotency (the hold again when no key was given)
-- ARGV   1 shard  2 booking id  3 traceparent  4 place, from 0  5 the use's mark (hex)  6 user id of the one at the door  7 body hash
--        8 idempotency kept (ms)  9 '1' when an Idempotency-Key was given  10 outbox limit (entries)
-- Reply  { 'used', version, entry, value }, { 'used_by_this', used at (ms) }, { 'used_before', used at (ms) }, or a refusal
--
-- The uses are JSON as TicketUse writes it; the scripts look for its text.

if ARGV[9] == '1' then
  local first = redis.call('GET', KEYS[2])
  if first then
    local hash, since = string.match(first, '^([^|]*)|(%d+)$')
    if hash ~= ARGV[7] then return { 'key_reused' } end
    return { 'used_by_this', since }
  end
end
if not hold.status then return { 'missing' } end
local used = hold.used or '[]'
local since, mark = string.match(used, '{"place":' .. ARGV[4] .. ',"at_ms":(%d+),"mark":"(%x*)"}')
if mark == ARGV[5] then return { 'used_by_this', since } end
if hold.status ~= 'confirmed' then return { 'wrong_state', hold.status } end
if mark then return { 'used_before', since } end
if tonumber(ARGV[4]) >= tonumber(number('quantity')) then return { 'no_such_place' } end
local zone = readZone()
if not zone then return { 'zone_missing' } end
if redis.call('XLEN', outboxKey) >= tonumber(ARGV[10]) then return { 'outbox_full' } end

local use = '{"place":' .. ARGV[4] .. ',"at_ms":' .. nowText .. ',"mark":"' .. ARGV[5] .. '"}'
if ARGV[9] == '1' then redis.call('SET', KEYS[2], ARGV[7] .. '|' .. nowText, 'PX', ARGV[8]) end
local entry, value = step({ used = string.sub(used, 1, -2) .. (used == '[]' and '' or ',') .. use .. ']' }, 'updated',
  '"organizer","actor_id":"' .. ARGV[6] .. '"', zone)
return { 'used', hold.version, entry, value }
