-- Reserves seats for one user: everything or nothing, in one slot, in one call.
--
-- KEYS   1 zone  2 user  3 hold  4 due  5 outbox  6 seats  7 seat numbers  8 epoch
-- ARGV   1 booking id  2 event id  3 show id  4 quantity  5 body hash  6 hold (ms)  7 fragment  8 traceparent  9 tokens a minute
--        10 burst  11 outbox limit (entries)  12 idempotency kept (ms)  13 age (years, or '')  14 idempotency key  15… seat ids
-- Reply  { outcome, tokens left (thousandths, -1 before the rate was looked at), … }
--
-- Nothing is written before every check has passed, save the rate token: Lua has no rollback.
-- Order of the checks: replay, sale window, rate, age, per-user limit, stock (SPEC, section 2).

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local quantity = tonumber(ARGV[4])
local named = #ARGV - 14

local format = string.format

-- Numbers go out as text that is made once: Redis would print each as a double, and that is slow.
local function whole(number) return format('%d', number) end

-- A user's tickets and rate bucket of each event and the idempotency records are fields of one key: each further key would cost more than they do.
local tickets = 'n:' .. ARGV[2]
local bucket = 'r:' .. ARGV[2]
local record = 'i:' .. ARGV[14]
local user = redis.call('HMGET', KEYS[2], tickets, bucket, record)
if user[3] then
  local hash, since, first = string.match(user[3], '^([^|]*)|(%d+)|(.*)$')
  if now - tonumber(since) < tonumber(ARGV[12]) then
    if hash ~= ARGV[5] then return { 'key_reused', -1 } end
    return { 'replayed', -1, first }
  end
end

local zone = redis.call('HMGET', KEYS[1], 'event', 'show', 'tenant', 'available', 'held', 'sold', 'capacity', 'version', 'price', 'currency',
  'limit', 'opens', 'closes', 'min_age', 'seated', 'ends')
if not zone[1] then return { 'zone_missing', -1 } end
if zone[1] ~= ARGV[2] or zone[2] ~= ARGV[3] then return { 'zone_mismatch', -1 } end
local seated = zone[15] == '1'
if seated and named == 0 then return { 'seats_required', -1 } end
if not seated and named > 0 then return { 'seats_not_numbered', -1 } end
if now < tonumber(zone[12]) or now >= tonumber(zone[13]) then return { 'sale_closed', -1, zone[12], zone[13] } end
if redis.call('XLEN', KEYS[5]) >= tonumber(ARGV[11]) then return { 'outbox_full', -1 } end

-- A token bucket with continuous refill: thousandths of a token, and when they were counted.
local count = tonumber(user[1] or 0)
local perMs = tonumber(ARGV[9]) / 60000
local burst = tonumber(ARGV[10])
local left = burst * 1000
if user[2] then
  local tokens, at = string.match(user[2], '^(%d+)|(%d+)$')
  left = math.min(left, math.floor(tonumber(tokens) + math.max(0, now - tonumber(at)) * perMs * 1000))
end
if left < 1000 then return { 'rate_limited', left, math.ceil((1000 - left) / perMs / 1000) } end
left = left - 1000
local nowText = whole(now)
local tokens = whole(left) .. '|' .. nowText

-- The key stays until the last of its events is over.
local function keepUntil(moment)
  local text = whole(moment)
  if redis.call('PEXPIREAT', KEYS[2], text, 'NX') == 0 then redis.call('PEXPIREAT', KEYS[2], text, 'GT') end
end

-- A refusal keeps only the bucket, and of a user who has nothing else only until it is full again, so that a rush on a sold-out zone leaves
-- nothing behind.
local function refuse(...)
  redis.call('HSET', KEYS[2], bucket, tokens)
  if not user[1] then keepUntil(now + math.ceil((burst - left / 1000) / perMs) + 1) end
  return { ... }
end

local minimumAge = tonumber(zone[14])
if minimumAge > 0 and (ARGV[13] == '' or tonumber(ARGV[13]) < minimumAge) then return refuse('age_restricted', left, zone[14]) end
if count + quantity > tonumber(zone[11]) then return refuse('over_limit', left, zone[11], whole(count)) end
local available = tonumber(zone[4])
if available < quantity then return refuse('out_of_stock', left, zone[4]) end

local indexes = {}
if seated then
  local ids = {}
  for i = 1, named do ids[i] = ARGV[14 + i] end
  local numbers = redis.call('HMGET', KEYS[7], unpack(ids))
  local taken = {}
  for i = 1, named do
    if not numbers[i] then return refuse('seat_unknown', left, ids[i]) end
    if redis.call('GETRANGE', KEYS[6], numbers[i], numbers[i]) ~= 'f' then taken[#taken + 1] = ids[i] end
    indexes[i] = numbers[i]
  end
  if #taken > 0 then return refuse('seat_taken', left, table.concat(taken, ',')) end
end

-- From here on everything is written.
local floor = tonumber(redis.call('GET', KEYS[8]) or 0) * 1000000
local version = whole(floor + 1)
local zoneVersion = whole(math.max(tonumber(zone[8]), floor) + 1)
local held = whole(tonumber(zone[5]) + quantity)
available = whole(available - quantity)
local price = zone[9]
local total = whole(tonumber(price) * quantity)
local due = whole(now + tonumber(ARGV[6]))

local fragment = ARGV[7] .. ',"tenant_id":"' .. zone[3] .. '","unit_price_minor":' .. price .. ',"total_minor":' .. total
  .. ',"currency":"' .. zone[10] .. '","created_at_ms":' .. nowText
local value = '{' .. fragment .. ',"status":"reserved","actor":"user","version":' .. version .. ',"expires_at_ms":' .. due .. ',"updated_at_ms":'
  .. nowText .. ',"zone":{"capacity":' .. zone[7] .. ',"available":' .. available .. ',"held":' .. held .. ',"sold":' .. zone[6]
  .. ',"version":' .. zoneVersion .. '}}'

for i = 1, #indexes do redis.call('SETRANGE', KEYS[6], indexes[i], 'h') end
redis.call('HSET', KEYS[1], 'available', available, 'held', held, 'version', zoneVersion)
local answer = ARGV[1] .. '|' .. version .. '|' .. due .. '|' .. price .. '|' .. total .. '|' .. zone[10] .. '|' .. available
redis.call('HSET', KEYS[2], tickets, whole(count + quantity), bucket, tokens, record, ARGV[5] .. '|' .. nowText .. '|' .. answer)
-- A UUID is 36 characters, so a key's last part needs no search.
redis.call('HSET', KEYS[3], 'status', 'reserved', 'version', version, 'due', due, 'updated', nowText, 'user', string.sub(KEYS[2], -36),
  'seats', table.concat(indexes, ','), 'fragment', fragment)
redis.call('ZADD', KEYS[4], due, ARGV[1])
if not user[1] then keepUntil(tonumber(zone[16]) + 86400000) end
local entry = redis.call('XADD', KEYS[5], '*', 'type', 'booking.created.v1', 'key', ARGV[1], 'version', version, 'trace', ARGV[8], 'value', value)
return { 'reserved', left, answer, entry, value }
