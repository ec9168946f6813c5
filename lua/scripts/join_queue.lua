-- Puts somebody in an event's line, unless it is clear already that it would be in vain. Whoever is in line keeps the place. After queue.lua.
--
-- KEYS   1 queue
-- ARGV   1 shard  2 event id  3 traceparent  4 batch  5 user id  6 entry id  7 age (years, or '')  8 outbox limit (entries)
--        9 how long before the sale the line opens (ms)  10 seed, should a draw be due
-- Reply  { 'joined', view, event of it }, { 'kept', view }, or a refusal

local user, batch = ARGV[5], tonumber(ARGV[4])
if not queue.mode or queue.mode == 'off' then
  -- Where nothing says that this Redis was checked, the line may be forgotten.
  if call('EXISTS', 'zones:' .. suffix) == 0 then return { 'unknown' } end
  return { 'off' }
end
local entry = readEntry(user)
if entry and (entry.status == 'w' or (entry.status == 'a' and tonumber(entry.ends) > now)) then return { 'kept', view(user, entry, batch) } end
local zones = readZones()
if zones.count == 0 then return { 'unknown' } end
if queue.mode == 'closed' or not zones.opens then return { 'closed' } end
if now < zones.opens - tonumber(ARGV[9]) then return { 'not_open', whole(zones.opens - tonumber(ARGV[9])) } end
if zones.minimumAge > 0 and (ARGV[7] == '' or tonumber(ARGV[7]) < zones.minimumAge) then return { 'age_restricted', whole(zones.minimumAge) } end
local count = tonumber(call('HGET', 'user:' .. tag .. ':' .. user, 'n:' .. event) or 0)
if count >= zones.limit then return { 'over_limit', whole(zones.limit), whole(count) } end
if zones.remaining <= 0 then return { 'sold_out' } end
if call('XLEN', outboxKey) >= tonumber(ARGV[8]) then return { 'outbox_full' } end

-- A pass that ran out, before a round saw it.
if entry and entry.status == 'a' then
  call('ZREM', passesKey, user)
  put(user, entry, 'x')
end
openIfDue(zones, ARGV[10])
-- Who gave a place up gets no second ticket: else one would leave and join until it is a good one.
local gaveUp = entry and (entry.status == 'l' or entry.status == 'x')
queue.number = whole(tonumber(queue.number or 0) + 1)
entry = { id = ARGV[6], number = queue.number, joined = nowText, ends = '0' }
local place
if now >= zones.opens then
  place = queue.mode == 'random' and not gaveUp and ticket(entry.id, queue.seed) or turn(queue.number)
  call('ZADD', lineKey, whole(place), user)
else
  call('ZADD', earlyKey, queue.number, user)
end
put(user, entry, 'w', place)
save()
call('SADD', queuesKey, event)
local keep = whole(zones.ends + 86400000)
for _, key in ipairs({ KEYS[1], lineKey, earlyKey, entriesKey }) do call('PEXPIREAT', key, keep) end
return { 'joined', view(user, entry, batch), told[#told] }
