#!lua flags=allow-oom
-- Puts back what Redis may have forgotten of the bookings of one zone, each from the newest state that is known of it: the counts, the seat map, the
-- user's count and idempotency record, the due time and the hold itself. What Redis has as new or newer stays, so it is run again as often as one likes.
--
-- KEYS   1 zone  2 due  3 outbox  4 seats  5 seat numbers  6 epoch  then for each booking: user, hold
-- ARGV   1 event id  2 finished booking kept (ms)  3 confirmed booking kept after the show (ms)  4 idempotency kept (ms)  5 '1' when it is to be told
--        then for each booking: booking id, version, status, due, updated, created, quantity, zone version, payment (or ''), payment state, declines,
--        reason, fragment, idempotency key, body hash, answer, number of seats, seat ids,
--        used tickets (JSON as TicketUse writes it, or '')
-- Reply  { 'zone_missing' }, or for each booking { outcome, … }:
--        restored, known; told, version, type, entry, value when an event was written; lost, version, type, entry, value when its seats were gone,
--        and of a sale also entry, value of the command that its money goes back
--
-- Whoever calls it for many gives those that have ended first, since their seats may be another's by now.

local call, format, tonumber = redis.call, string.format, tonumber
local zone = call('HMGET', KEYS[1], 'available', 'held', 'sold', 'version', 'ends', 'capacity', 'seated')
if not zone[1] then return { 'zone_missing' } end

local function whole(number) return format('%d', number) end
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local nowText = whole(now)
local count = { available = tonumber(zone[1]), held = tonumber(zone[2]), sold = tonumber(zone[3]) }
local zoneVersion, ends, seated = tonumber(zone[4]), tonumber(zone[5]), zone[7] == '1'
local floor = tonumber(call('GET', KEYS[6]) or 0) * 1000000
local tickets = 'n:' .. ARGV[1]
local kept, keptAfter, keptKey, isTold = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'

local place = { reserved = 'held', confirmed = 'sold' }
local mark = { reserved = 'h', confirmed = 's' }
local function epoch(version) return math.floor(version / 1000000) end

local function keepUntil(key, moment)
  local text = whole(moment)
  if call('PEXPIREAT', key, text, 'NX') == 0 then call('PEXPIREAT', key, text, 'GT') end
end

-- What both say of used tickets, which nothing takes back; '' where no ticket was.
local function united(ours, theirs)
  if not ours or ours == '' then return theirs end
  local all = string.sub(ours, 1, -2)
  for use, at in string.gmatch(theirs, '({"place":(%d+),[^}]*})') do
    if not string.find(all, '"place":' .. at .. ',', 1, true) then all = all .. ',' .. use end
  end
  return all .. ']'
end

-- Of bookings that are held; written together at the end.
local dues = {}

local function restore(userKey, holdKey, at)
  local booking, version, status = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]
  local quantity, named = tonumber(ARGV[at + 6]), tonumber(ARGV[at + 16])
  local payment, paymentState, declines, reason, fragment = ARGV[at + 8], ARGV[at + 9], ARGV[at + 10], ARGV[at + 11], ARGV[at + 12]
  local old = call('HMGET', holdKey, 'status', 'version', 'used')
  -- A show that was over so long ago that its bookings are forgotten on purpose: it had its seats, whatever the counts say by now.
  if not old[1] and now >= ends + keptAfter then return { 'known' } end
  local used = united(old[3], ARGV[at + 17 + named])
  local due, updated, isNew = ARGV[at + 3], ARGV[at + 4], isTold
  if old[1] and tonumber(old[2]) >= version then
    -- A sale of before the loss, of which we hear when the booking has gone another way since: its money was taken, so it counts.
    local isLate = status == 'confirmed' and epoch(tonumber(old[2])) > epoch(version)
    local isLateSale = isLate and old[1] ~= 'confirmed' and old[1] ~= 'refunded'
    -- Nobody goes in twice on a ticket that was used before the loss.
    local isLateUse = isLate and old[1] == 'confirmed' and used ~= (old[3] or '')
    if not isLateSale and not isLateUse then return { 'known' } end
    isNew = true
  end

  local from, to = place[old[1] or ''], place[status]
  local indexes = {}
  if seated and named > 0 then
    local numbers = call('HMGET', KEYS[5], unpack(ARGV, at + 17, at + 16 + named))
    for i = 1, named do
      if not numbers[i] then return redis.error_reply('ERR a seat of a booking is not in its zone') end
      indexes[i] = numbers[i]
    end
  end
  local isLost = false
  if to and not from then
    isLost = count.available < quantity
    for i = 1, #indexes do
      if call('GETRANGE', KEYS[4], indexes[i], indexes[i]) ~= 'f' then isLost = true end
    end
    if isLost then
      status = status == 'confirmed' and 'refunded' or 'cancelled'
      reason, to, isNew = 'seats_taken', nil, true
    end
  end

  -- The event of a booking that ended, and of which nothing is known here, has told it.
  if not to and not old[1] and not isLost then isNew = false end

  local highest = math.max(version, tonumber(old[2] or 0))
  if isNew then
    highest = math.max(highest, floor) + 1
    updated = nowText
  end
  zoneVersion = math.max(zoneVersion, tonumber(ARGV[at + 7]))
  if from ~= to then
    count[from or 'available'] = count[from or 'available'] - quantity
    count[to or 'available'] = count[to or 'available'] + quantity
    for i = 1, #indexes do call('SETRANGE', KEYS[4], indexes[i], mark[status] or 'f') end
  end
  if isNew then zoneVersion = math.max(zoneVersion, floor) + 1 end

  local record = 'i:' .. ARGV[at + 13]
  local user, changes = call('HMGET', userKey, tickets, record), {}
  if to and not from then
    changes = { tickets, whole(tonumber(user[1] or 0) + quantity) }
  elseif from and not to and user[1] then
    changes = { tickets, whole(tonumber(user[1]) - quantity) }
  end
  if now - tonumber(ARGV[at + 5]) < keptKey and not user[2] then
    changes[#changes + 1] = record
    changes[#changes + 1] = ARGV[at + 14] .. '|' .. ARGV[at + 5] .. '|' .. ARGV[at + 15]
  end
  if #changes > 0 then
    call('HSET', userKey, unpack(changes))
    keepUntil(userKey, math.max(ends, now) + 86400000)
  end

  local versionText = whole(highest)
  local fields = { 'status', status, 'version', versionText, 'due', due, 'updated', updated, 'user', string.sub(userKey, -36), 'seats',
    table.concat(indexes, ','), 'fragment', fragment }
  -- On whose behalf it ended is not told; whoever asks again for the same end is taken for the one who did.
  if status ~= 'reserved' then
    fields[#fields + 1] = 'by'
    fields[#fields + 1] = status == 'confirmed' and payment or '*'
  end
  local rest = ''
  local function optional(name, value, text)
    if value ~= '' then
      fields[#fields + 1] = name
      fields[#fields + 1] = value
      rest = rest .. text
    end
  end
  optional('pay', payment, ',"payment_id":"' .. payment .. '"')
  optional('paystate', paymentState, ',"payment_state":"' .. paymentState .. '"')
  optional('tries', declines, ',"declines":' .. declines)
  optional('reason', reason, ',"reason":"' .. reason .. '"')
  optional('used', used, ',"used":' .. used)
  call('HSET', holdKey, unpack(fields))

  if status == 'reserved' then
    dues[booking] = due
    if old[1] then call('PERSIST', holdKey) end
  else
    dues[booking] = nil
    if old[1] then call('ZREM', KEYS[2], booking) end
    if status == 'confirmed' then
      call('PEXPIREAT', holdKey, whole(math.max(ends, now) + keptAfter))
    else
      -- At least an hour from now, so that an older state that comes after it finds it.
      call('PEXPIREAT', holdKey, whole(math.max(tonumber(updated) + kept, now + 3600000)))
    end
  end
  if not isNew then return { 'restored' } end
  -- What came late has told of itself under its own type; told as that again, it would be counted and mailed again.
  local kind = 'booking.' .. (isLost and status or 'updated') .. '.v1'
  local value = '{' .. fragment .. ',"status":"' .. status .. '","actor":"system","version":' .. versionText .. ',"expires_at_ms":' .. due
    .. ',"updated_at_ms":' .. updated .. rest .. ',"zone":{"capacity":' .. zone[6] .. ',"available":' .. whole(count.available) .. ',"held":'
    .. whole(count.held) .. ',"sold":' .. whole(count.sold) .. ',"version":' .. whole(zoneVersion) .. '}}'
  local entry = call('XADD', KEYS[3], '*', 'type', kind, 'key', booking, 'version', versionText, 'trace', '', 'value', value)
  local told = { isLost and 'lost' or 'told', versionText, kind, entry, value }
  if isLost and status == 'refunded' and payment ~= '' then
    -- The refund has the payment's id, so there is one however often it is asked for.
    told[7] = '{"refund_id":"' .. payment .. '","payment_id":"' .. payment .. '","booking_id":"' .. booking .. '","user_id":"'
      .. string.sub(userKey, -36) .. '","tenant_id":"' .. string.match(fragment, '"tenant_id":"([^"]*)"')
      .. '","cause":"seats_taken","requested_at_ms":' .. nowText .. '}'
    told[6] = call('XADD', KEYS[3], '*', 'type', 'payment.refund.v1', 'key', booking, 'version', versionText, 'trace', '', 'value', told[7])
  end
  return told
end

local replies, position = {}, 6
for i = 1, (#KEYS - 6) / 2 do
  local isDone, reply = pcall(restore, KEYS[5 + 2 * i], KEYS[6 + 2 * i], position)
  if not isDone and type(reply) ~= 'table' then reply = redis.error_reply('ERR ' .. reply) end
  replies[i] = reply
  position = position + 18 + tonumber(ARGV[position + 16])
end
call('HSET', KEYS[1], 'available', whole(count.available), 'held', whole(count.held), 'sold', whole(count.sold), 'version', whole(zoneVersion))
local scores = {}
for booking, due in pairs(dues) do
  scores[#scores + 1] = due
  scores[#scores + 1] = booking
end
if #scores > 0 then call('ZADD', KEYS[2], unpack(scores)) end
return replies
