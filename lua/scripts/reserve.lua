-- Reserves seats in one zone, for one user or for many: each is decided in its order, everything or nothing, as if it had come alone.
--
-- KEYS   1 zone  2 due  3 outbox  4 seats  5 seat numbers  6 epoch  7 queue  then for each reserve: user, hold
-- ARGV   1 event id  2 show id  3 tokens a minute  4 burst  5 outbox limit (entries)  6 idempotency kept (ms)  7 hold (ms)
--        then for each reserve: booking id, quantity, body hash, fragment, traceparent, origin (JSON, or ''), age (years, or ''),
--        idempotency key, pass (entry id of a genuine one, or ''), number of seats, seat ids
-- Reply  for each reserve { outcome, tokens left (thousandths, -1 before the rate was looked at), … }, or the error that kept it from being decided
--
-- What reserves share is read once before the first and written once after the last; what is a user's own is written at once, so that the next
-- sees it. Of each, nothing is written before every check has passed, save the rate token: Lua has no rollback.
-- Order of the checks: replay, sale window, queue pass, rate, age, per-user limit, stock (SPEC, section 2).

local call, format, match, tonumber = redis.call, string.format, string.match, tonumber
local reserves = (#KEYS - 7) / 2

-- Where each reserve's arguments begin; a call that does not add up is refused as a whole.
local starts, position = {}, 8
for i = 1, reserves do
  starts[i] = position
  local quantity, age, seats = tonumber(ARGV[position + 1]), ARGV[position + 6], tonumber(ARGV[position + 9])
  if not quantity or quantity < 1 or quantity % 1 ~= 0 or not seats or (seats ~= 0 and seats ~= quantity) or (age ~= '' and not tonumber(age)) then
    return redis.error_reply('ERR wrong arguments of a reserve')
  end
  position = position + 10 + seats
end
if reserves < 1 or reserves % 1 ~= 0 or position ~= #ARGV + 1 then return redis.error_reply('ERR wrong number of arguments') end

local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local kept = tonumber(ARGV[6])
local perMs = tonumber(ARGV[3]) / 60000
local burst = tonumber(ARGV[4])
local room = tonumber(ARGV[5]) - call('XLEN', KEYS[3])
local zone = call('HMGET', KEYS[1], 'event', 'show', 'tenant', 'available', 'held', 'sold', 'capacity', 'version', 'price', 'currency',
  'limit', 'opens', 'closes', 'min_age', 'seated', 'ends')

-- Numbers go out as text that is made once: Redis would print each as a double, and that is slow.
local function whole(number) return format('%d', number) end
local nowText = whole(now)

local seated = zone[15] == '1'
local isOpen, limit, minimumAge, available, held, zoneVersion
-- What the reserves of a zone have in common in what they write, made for the first that gets so far.
local shared
local due = {}

local function share()
  local floor = tonumber(call('GET', KEYS[6]) or 0) * 1000000
  local version, dueText = whole(floor + 1), whole(now + tonumber(ARGV[7]))
  zoneVersion = math.max(zoneVersion, floor)
  shared = {
    version = version, due = dueText, answer = '|' .. version .. '|' .. dueText .. '|' .. zone[9] .. '|',
    price = ',"tenant_id":"' .. zone[3] .. '","unit_price_minor":' .. zone[9] .. ',"total_minor":',
    created = ',"currency":"' .. zone[10] .. '","created_at_ms":' .. nowText,
    state = ',"status":"reserved","actor":"user","version":' .. version .. ',"expires_at_ms":' .. dueText .. ',"updated_at_ms":' .. nowText
      .. ',"zone":{"capacity":' .. zone[7] .. ',"available":',
    sold = ',"sold":' .. zone[6] .. ',"version":',
    keep = tonumber(zone[16]) + 86400000,
  }
end

if zone[1] then
  isOpen = now >= tonumber(zone[12]) and now < tonumber(zone[13])
  limit, minimumAge = tonumber(zone[11]), tonumber(zone[14])
  available, held, zoneVersion = tonumber(zone[4]), tonumber(zone[5]), tonumber(zone[8])
end

-- While the event has a line, a reserve needs the pass of somebody who was admitted, and it is good for one.
local mode = call('HGET', KEYS[7], 'mode')
local needsPass = mode and mode ~= 'off'
local entries, passes, line
if needsPass then
  entries, passes = string.gsub(KEYS[7], '^queue', 'entries'), string.gsub(KEYS[7], '^queue', 'passes')
  line = call('HMGET', KEYS[7], 'version', 'tenant')
  line[1] = tonumber(line[1])
end

-- The place that a pass belongs to, or nil and what is wrong with the pass.
local function readPass(user, pass)
  if pass == '' then return nil, 'missing' end
  local text = call('HGET', entries, user)
  if not text then return nil, 'revoked' end
  local id, status, number, joined, ends = match(text, '^([^|]+)|(%a)|(%d+)|(%d+)|%d+|(%d+)|')
  if id ~= pass then return nil, 'revoked' end
  if status == 'u' then return nil, 'used' end
  if status == 'x' or (status == 'a' and tonumber(ends) <= now) then return nil, 'expired' end
  if status ~= 'a' then return nil, 'revoked' end
  return { id = id, number = number, joined = joined }
end

-- Writes that a pass was used, as queue.lua would.
local function usePass(user, place)
  line[1] = math.max(line[1], tonumber(call('GET', KEYS[6]) or 0) * 1000000) + 1
  local version = whole(line[1])
  call('HSET', entries, user, place.id .. '|u|' .. place.number .. '|' .. place.joined .. '|' .. nowText .. '|0|' .. version)
  call('ZREM', passes, user)
  call('HSET', KEYS[7], 'version', version)
  call('XADD', KEYS[3], '*', 'type', 'queue.used.v1', 'key', ARGV[1], 'version', version, 'trace', '', 'value', '{"entry_id":"' .. place.id
    .. '","event_id":"' .. ARGV[1] .. '","tenant_id":"' .. line[2] .. '","user_id":"' .. user .. '","status":"used","number":' .. place.number
    .. ',"version":' .. version .. ',"joined_at_ms":' .. place.joined .. ',"updated_at_ms":' .. nowText .. '}')
end

-- A user's key stays until the last of its events is over.
local function keepUntil(key, moment)
  local text = whole(moment)
  if call('PEXPIREAT', key, text, 'NX') == 0 then call('PEXPIREAT', key, text, 'GT') end
end

-- A user's tickets and rate bucket of each event and the idempotency records are fields of one key: each further key would cost more than they do.
local tickets, bucket = 'n:' .. ARGV[1], 'r:' .. ARGV[1]

local function reserve(userKey, holdKey, at)
  local booking, quantity, hash, named = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], tonumber(ARGV[at + 9])
  local record = 'i:' .. ARGV[at + 7]
  local user = call('HMGET', userKey, tickets, bucket, record)
  if user[3] then
    local first, since, answer = match(user[3], '^([^|]*)|(%d+)|(.*)$')
    if now - tonumber(since) < kept then
      if first ~= hash then return { 'key_reused', -1 } end
      return { 'replayed', -1, answer }
    end
  end

  if not zone[1] then
    -- Where nothing says that this Redis was checked, the zone may be forgotten rather than unknown.
    if call('EXISTS', (string.gsub(KEYS[6], '^epoch', 'trusted'))) == 0 then return { 'untrusted', -1 } end
    return { 'zone_missing', -1 }
  end
  if zone[1] ~= ARGV[1] or zone[2] ~= ARGV[2] then return { 'zone_mismatch', -1 } end
  if seated and named == 0 then return { 'seats_required', -1 } end
  if not seated and named > 0 then return { 'seats_not_numbered', -1 } end
  if not isOpen then return { 'sale_closed', -1, zone[12], zone[13] } end
  if room <= 0 then return { 'outbox_full', -1 } end

  local pass, fault
  if needsPass then
    pass, fault = readPass(string.sub(userKey, -36), ARGV[at + 8])
    if fault then return { 'queue_required', -1, fault } end
  end

  -- A token bucket with continuous refill: thousandths of a token, and when they were counted. Whoever has a pass has waited enough.
  local count = tonumber(user[1] or 0)
  local left, tokens = -1, nil
  if pass then
    tokens = user[2] or whole(burst * 1000) .. '|' .. nowText
  else
    left = burst * 1000
    if user[2] then
      local before, since = match(user[2], '^(%d+)|(%d+)$')
      left = math.min(left, math.floor(tonumber(before) + math.max(0, now - tonumber(since)) * perMs * 1000))
    end
    if left < 1000 then return { 'rate_limited', left, math.ceil((1000 - left) / perMs / 1000) } end
    left = left - 1000
    tokens = whole(left) .. '|' .. nowText
  end

  -- A refusal keeps only the bucket, and of a user who has nothing else only until it is full again, so that a rush on a sold-out zone leaves
  -- nothing behind.
  local function refuse(...)
    if pass then return { ... } end
    call('HSET', userKey, bucket, tokens)
    if not user[1] then keepUntil(userKey, now + math.ceil((burst - left / 1000) / perMs) + 1) end
    return { ... }
  end

  if minimumAge > 0 and (ARGV[at + 6] == '' or tonumber(ARGV[at + 6]) < minimumAge) then return refuse('age_restricted', left, zone[14]) end
  if count + quantity > limit then return refuse('over_limit', left, zone[11], whole(count)) end
  if available < quantity then return refuse('out_of_stock', left, whole(available)) end

  local indexes = {}
  if seated then
    local numbers = call('HMGET', KEYS[5], unpack(ARGV, at + 10, at + 9 + named))
    local taken = {}
    for i = 1, named do
      local seat = ARGV[at + 9 + i]
      if not numbers[i] then return refuse('seat_unknown', left, seat) end
      if call('GETRANGE', KEYS[4], numbers[i], numbers[i]) ~= 'f' then taken[#taken + 1] = seat end
      indexes[i] = numbers[i]
    end
    if #taken > 0 then return refuse('seat_taken', left, table.concat(taken, ',')) end
  end

  -- From here on everything is written.
  if not shared then share() end
  local total = whole(tonumber(zone[9]) * quantity)
  local availableText = whole(available - quantity)
  local fragment = ARGV[at + 3] .. shared.price .. total .. shared.created
  local value = '{' .. fragment .. shared.state .. availableText .. ',"held":' .. whole(held + quantity) .. shared.sold .. whole(zoneVersion + 1)
    .. '}}'
  local answer = booking .. shared.answer .. total .. '|' .. zone[10] .. '|' .. availableText

  local entry = call('XADD', KEYS[3], '*', 'type', 'booking.created.v1', 'key', booking, 'version', shared.version, 'trace', ARGV[at + 4],
    'origin', ARGV[at + 5], 'value', value)
  call('HSET', userKey, tickets, whole(count + quantity), bucket, tokens, record, hash .. '|' .. nowText .. '|' .. answer)
  -- A UUID is 36 characters, so a key's last part needs no search.
  call('HSET', holdKey, 'status', 'reserved', 'version', shared.version, 'due', shared.due, 'updated', nowText, 'user', string.sub(userKey, -36),
    'seats', table.concat(indexes, ','), 'fragment', fragment)
  for i = 1, #indexes do call('SETRANGE', KEYS[4], indexes[i], 'h') end
  if not user[1] then keepUntil(userKey, shared.keep) end
  if pass then usePass(string.sub(userKey, -36), pass) end
  available, held, zoneVersion, room = available - quantity, held + quantity, zoneVersion + 1, room - 1
  due[#due + 1] = shared.due
  due[#due + 1] = booking
  return { 'reserved', left, answer, entry, value }
end

-- An error is the answer to the reserve that met it, and must not keep the zone from what the others took.
local replies = {}
for i = 1, reserves do
  local isDecided, reply = pcall(reserve, KEYS[6 + 2 * i], KEYS[7 + 2 * i], starts[i])
  if not isDecided and type(reply) ~= 'table' then
    reply = redis.error_reply((match(reply, '^%u+ ') and '' or 'ERR ') .. reply)
  end
  replies[i] = reply
end
if #due > 0 then
  call('HSET', KEYS[1], 'available', whole(available), 'held', whole(held), 'version', whole(zoneVersion))
  call('ZADD', KEYS[2], unpack(due))
end
return replies
